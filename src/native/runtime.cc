// SPDX-License-Identifier: GPL-2.0-only
// The little of a C++ library that the addon uses, in place of libc++, which the cross compiler would build for each system
// from its sources: minutes for a few functions. test/packaging/npm.test.ts finds what is missing.
#include <cstddef>
#include <cstdlib>
#include <new>
#include <string>

// libc++'s headers declare its members as instantiated elsewhere.
template class std::basic_string<char>;

// A failed check of libc++, such as a string that is too long.
[[noreturn]] void std::__libcpp_verbose_abort(const char *, ...) noexcept
{
	std::abort();
}

extern "C" [[noreturn]] void __cxa_pure_virtual()
{
	std::abort();
}

void *operator new(std::size_t size)
{
	void *memory = std::malloc(size ? size : 1);

	if (!memory)
		std::abort();
	return memory;
}

void *operator new[](std::size_t size)
{
	return operator new(size);
}

void operator delete(void *memory) noexcept
{
	std::free(memory);
}

void operator delete[](void *memory) noexcept
{
	std::free(memory);
}

void operator delete(void *memory, std::size_t) noexcept
{
	std::free(memory);
}

void operator delete[](void *memory, std::size_t) noexcept
{
	std::free(memory);
}
