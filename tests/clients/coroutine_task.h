// The smallest coroutine: it begins at once, and nobody waits for it.
#pragma once

#include <coroutine>
#include <exception>

namespace onehop::client {

struct Detached {
  struct promise_type {
    static Detached get_return_object() { return {}; }
    static std::suspend_never initial_suspend() noexcept { return {}; }
    static std::suspend_never final_suspend() noexcept { return {}; }
    static void return_void() {}
    [[noreturn]] static void unhandled_exception() { std::terminate(); }
  };
};

}  // namespace onehop::client
