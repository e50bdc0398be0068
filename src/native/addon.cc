// SPDX-License-Identifier: GPL-2.0-only
// The functions of src/lib/native-addon.ts. Each is asynchronous: the system calls run on a thread of
// libuv's pool, which is in the same namespaces as the program. Nothing is shared between two calls,
// so every worker thread may load the addon.
#include "netlink.h"
#include "nsfs.h"
#include "uapi/mpu.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <napi.h>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

namespace {

using Pids = std::vector<uint32_t>;

// Work that ends with a value or with an errno and the name of the step that failed.
class Work : public Napi::AsyncWorker {
public:
	explicit Work(Napi::Env env)
		: Napi::AsyncWorker(env), deferred_(Napi::Promise::Deferred::New(env))
	{
	}

	Napi::Promise Start()
	{
		const Napi::Promise promise = deferred_.Promise();

		Queue();
		return promise;
	}

protected:
	virtual Napi::Value Result(Napi::Env env) = 0;

	void Fail(int error, const char *step, const char *reason = "")
	{
		errno_ = -error;
		step_ = step;
		SetError(*reason ? std::string(reason) : std::string(std::strerror(errno_)));
	}

	void OnOK() override
	{
		deferred_.Resolve(Result(Env()));
	}

	void OnError(const Napi::Error &error) override
	{
		Napi::Object value = error.Value().As<Napi::Object>();

		value.Set("errno", Napi::Number::New(Env(), errno_));
		value.Set("step", Napi::String::New(Env(), step_));
		deferred_.Reject(value);
	}

private:
	Napi::Promise::Deferred deferred_;
	int errno_ = 0;
	const char *step_ = "";
};

class Translation : public Work {
public:
	Translation(Napi::Env env, Pids pids) : Work(env), in_(std::move(pids)), out_(in_.size()) {}

protected:
	Napi::Value Result(Napi::Env env) override
	{
		Napi::Uint32Array result = Napi::Uint32Array::New(env, out_.size());

		std::copy(out_.begin(), out_.end(), result.Data());
		return result;
	}

	const Pids in_;
	Pids out_;
};

class NetlinkTranslation : public Translation {
public:
	NetlinkTranslation(Napi::Env env, Pids pids, bool to_host)
		: Translation(env, std::move(pids)),
		  command_(to_host ? MPU_CMD_TO_HOST : MPU_CMD_TO_NS)
	{
	}

	void Execute() override
	{
		mpu_netlink client;
		const int error = mpu_netlink_open(&client);

		if (error)
			Fail(error, "family", client.reason);
		else
			TranslateAll(client);
		mpu_netlink_close(&client);
	}

private:
	void TranslateAll(mpu_netlink &client)
	{
		for (size_t at = 0; at < in_.size(); at += MPU_MAX_PIDS) {
			const size_t count = std::min<size_t>(in_.size() - at, MPU_MAX_PIDS);
			const int error = mpu_netlink_translate(&client, command_, in_.data() + at,
								out_.data() + at, count);

			if (error)
				return Fail(error, "translate", client.reason);
		}
	}

	const uint8_t command_;
};

class NsfsTranslation : public Translation {
public:
	NsfsTranslation(Napi::Env env, Pids pids, bool to_host, std::string path, bool initial_only)
		: Translation(env, std::move(pids)),
		  direction_(to_host ? MPU_NSFS_TO_HOST : MPU_NSFS_TO_NS), path_(std::move(path)),
		  initial_only_(initial_only)
	{
	}

	void Execute() override
	{
		const int fd = mpu_nsfs_open(path_.c_str(), initial_only_);
		int error;

		if (fd < 0)
			return Fail(fd, "open");
		error = mpu_nsfs_translate(fd, direction_, in_.data(), out_.data(), in_.size());
		if (error)
			Fail(error, "translate");
		close(fd);
	}

private:
	const mpu_nsfs_direction direction_;
	const std::string path_;
	const bool initial_only_;
};

class ModuleQuery : public Work {
public:
	using Work::Work;

	void Execute() override
	{
		mpu_netlink client;
		int error = mpu_netlink_open(&client);

		if (error) {
			Fail(error, "family", client.reason);
		} else {
			error = mpu_netlink_get(&client, &state_);
			if (error)
				Fail(error, "get", client.reason);
		}
		mpu_netlink_close(&client);
	}

protected:
	Napi::Value Result(Napi::Env env) override
	{
		Napi::Object result = Napi::Object::New(env);

		result.Set("version", state_.version);
		result.Set("abi", Napi::Number::New(env, state_.abi));
		result.Set("features", Napi::Number::New(env, state_.features));
		result.Set("maxPids", Napi::Number::New(env, state_.max_pids));
		result.Set("intercept", Napi::Number::New(env, state_.intercept));
		result.Set("interceptReason", state_.intercept_reason);
		result.Set("generation", Napi::BigInt::New(env, state_.generation));
		if (state_.has_counters) {
			Napi::Object counters = Napi::Object::New(env);

			counters.Set("requests", Napi::BigInt::New(env, state_.requests));
			counters.Set("pids", Napi::BigInt::New(env, state_.pids));
			counters.Set("hidden", Napi::BigInt::New(env, state_.hidden));
			counters.Set("rewritten", Napi::BigInt::New(env, state_.rewritten));
			counters.Set("untouched", Napi::BigInt::New(env, state_.untouched));
			counters.Set("inFlight", Napi::BigInt::New(env, state_.in_flight));
			result.Set("counters", counters);
		}
		return result;
	}

private:
	mpu_netlink_state state_ = {};
};

// Started work deletes itself when it has ended.
template <typename T, typename... Arguments>
Napi::Value Begin(Napi::Env env, Arguments &&...arguments)
{
	return (new T(env, std::forward<Arguments>(arguments)...))->Start();
}

bool IsPids(const Napi::Value &value)
{
	return value.IsTypedArray() &&
	       value.As<Napi::TypedArray>().TypedArrayType() == napi_uint32_array;
}

Pids CopyPids(const Napi::Value &value)
{
	Napi::Uint32Array array = value.As<Napi::Uint32Array>();

	return Pids(array.Data(), array.Data() + array.ElementLength());
}

Napi::Value Refuse(Napi::Env env, const char *expected)
{
	Napi::TypeError::New(env, expected).ThrowAsJavaScriptException();
	return env.Undefined();
}

Napi::Value NetlinkTranslate(const Napi::CallbackInfo &info)
{
	if (info.Length() != 2 || !IsPids(info[0]) || !info[1].IsBoolean())
		return Refuse(info.Env(), "expected (Uint32Array, boolean)");
	return Begin<NetlinkTranslation>(info.Env(), CopyPids(info[0]),
					 info[1].As<Napi::Boolean>().Value());
}

Napi::Value NetlinkGet(const Napi::CallbackInfo &info)
{
	return Begin<ModuleQuery>(info.Env());
}

Napi::Value NsfsTranslate(const Napi::CallbackInfo &info)
{
	if (info.Length() != 4 || !IsPids(info[0]) || !info[1].IsBoolean() || !info[2].IsString() ||
	    !info[3].IsBoolean())
		return Refuse(info.Env(), "expected (Uint32Array, boolean, string, boolean)");
	return Begin<NsfsTranslation>(info.Env(), CopyPids(info[0]),
				      info[1].As<Napi::Boolean>().Value(),
				      info[2].As<Napi::String>().Utf8Value(),
				      info[3].As<Napi::Boolean>().Value());
}

Napi::Object Init(Napi::Env env, Napi::Object exports)
{
	exports.Set("netlinkTranslate", Napi::Function::New(env, NetlinkTranslate));
	exports.Set("netlinkGet", Napi::Function::New(env, NetlinkGet));
	exports.Set("nsfsTranslate", Napi::Function::New(env, NsfsTranslate));
	return exports;
}

NODE_API_MODULE(mpu, Init)

} // namespace
