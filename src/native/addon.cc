// SPDX-License-Identifier: GPL-2.0-only
// The functions of src/lib/native-addon.ts. Each is asynchronous: the system calls run on a thread of
// libuv's pool, which is in the same namespaces as the program. Nothing is shared between two calls,
// so every worker thread may load the addon.
#include "module.h"
#include "preload/netlink.h"
#include "preload/pidns.h"
#include "rm/rm.h"
#include "uapi/mpu.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <napi.h>
#include <string>
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
	Translation(Napi::Env env, Pids pids, bool to_host)
		: Work(env), in_(std::move(pids)), out_(in_.size()),
		  direction_(to_host ? MPU_RM_TO_HOST : MPU_RM_TO_CALLER)
	{
	}

protected:
	Napi::Value Result(Napi::Env env) override
	{
		Napi::Uint32Array result = Napi::Uint32Array::New(env, out_.size());

		std::copy(out_.begin(), out_.end(), result.Data());
		return result;
	}

	// Calls translate(in, out, count) for parts that one request can carry, until one fails.
	template <typename F> int InParts(F translate)
	{
		int error = 0;

		for (size_t at = 0; at < in_.size() && !error; at += MPU_MAX_PIDS) {
			const size_t count = std::min<size_t>(in_.size() - at, MPU_MAX_PIDS);

			error = translate(in_.data() + at, out_.data() + at,
					  static_cast<uint32_t>(count));
		}
		return error;
	}

	const Pids in_;
	Pids out_;
	const mpu_rm_direction direction_;
};

class NetlinkTranslation : public Translation {
public:
	using Translation::Translation;

	void Execute() override
	{
		mpu_netlink client;
		int error = mpu_netlink_open(&client);

		if (error)
			return Fail(error, "family");
		error = InParts([&](const uint32_t *in, uint32_t *out, uint32_t count) {
			return mpu_netlink_translate(&client, direction_, in, out, count);
		});
		mpu_netlink_close(&client);
		if (error)
			Fail(error, "translate");
	}
};

class NsfsTranslation : public Translation {
public:
	NsfsTranslation(Napi::Env env, Pids pids, bool to_host, std::string path, bool initial_only)
		: Translation(env, std::move(pids), to_host), path_(std::move(path)),
		  initial_only_(initial_only)
	{
	}

	void Execute() override
	{
		mpu_pidns file;
		int error = mpu_pidns_open(&file, path_.c_str(), initial_only_);

		if (error)
			return Fail(error, "open");
		error = InParts([&](const uint32_t *in, uint32_t *out, uint32_t count) {
			return mpu_pidns_translate(&file, direction_, in, out, count);
		});
		mpu_pidns_close(&file);
		if (error)
			Fail(error, "translate");
	}

private:
	const std::string path_;
	const bool initial_only_;
};

class ModuleQuery : public Work {
public:
	using Work::Work;

	void Execute() override
	{
		char reason[MPU_REASON_SIZE];
		mpu_netlink client;
		int error = mpu_netlink_open(&client);

		if (error)
			return Fail(error, "family");
		error = mpu_module_get(&client, &state_, reason);
		mpu_netlink_close(&client);
		if (error)
			Fail(error, "get", reason);
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
	mpu_module_state state_ = {};
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

// Not asynchronous: it only looks into a table.
Napi::Value ReleaseRegime(const Napi::CallbackInfo &info)
{
	if (info.Length() != 1 || !info[0].IsString())
		return Refuse(info.Env(), "expected (string)");
	const std::string release = info[0].As<Napi::String>().Utf8Value();
	const char *regime =
		mpu_rm_release_regime(release.data(), static_cast<mpu_u32>(release.size()));

	return regime ? Napi::String::New(info.Env(), regime) : info.Env().Undefined();
}

Napi::Object Init(Napi::Env env, Napi::Object exports)
{
	exports.Set("netlinkTranslate", Napi::Function::New(env, NetlinkTranslate));
	exports.Set("netlinkGet", Napi::Function::New(env, NetlinkGet));
	exports.Set("nsfsTranslate", Napi::Function::New(env, NsfsTranslate));
	exports.Set("releaseRegime", Napi::Function::New(env, ReleaseRegime));
	return exports;
}

NODE_API_MODULE(mpu, Init)

} // namespace
