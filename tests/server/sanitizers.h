// Which sanitizer this build has, and so the programs it tests: for what a sanitizer changes by being there.
#pragma once

namespace onehop::test {

#if defined(__has_feature)
#define ONEHOP_HAS_SANITIZER(name) __has_feature(name)
#else
#define ONEHOP_HAS_SANITIZER(name) 0
#endif

#if ONEHOP_HAS_SANITIZER(address_sanitizer) || defined(__SANITIZE_ADDRESS__)
inline constexpr bool kAddressSanitized = true;  // And for undefined behaviour: the two go together here.
#else
inline constexpr bool kAddressSanitized = false;
#endif

#if ONEHOP_HAS_SANITIZER(thread_sanitizer) || defined(__SANITIZE_THREAD__)
inline constexpr bool kThreadSanitized = true;
#else
inline constexpr bool kThreadSanitized = false;
#endif

#undef ONEHOP_HAS_SANITIZER

}  // namespace onehop::test
