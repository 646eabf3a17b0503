// Who is told what became of a message: a callable that takes a SendResult. It need not be copyable, and one of up to
// 32 bytes needs no memory of its own.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstring>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "onehop/client_types.h"
#include "onehop/export.h"

namespace onehop::client {

// A callable that is told the outcome of one message.
class ONEHOP_EXPORT SendCompletion {
 public:
  // Nobody.
  SendCompletion() = default;
  SendCompletion(std::nullptr_t) {}
  // The constraint leaves out its own type. NOLINTBEGIN(bugprone-forwarding-reference-overload)
  template <typename Callable>
  requires(!std::same_as<std::remove_cvref_t<Callable>, SendCompletion> &&
           std::invocable<std::remove_cvref_t<Callable>&, const SendResult&>) SendCompletion(Callable&& callable) {
    using Stored = std::remove_cvref_t<Callable>;
    // An empty std::function, or a null function pointer.
    if constexpr (std::is_constructible_v<bool, const Stored&> && std::is_assignable_v<Stored&, std::nullptr_t>) {
      if (!static_cast<bool>(callable)) return;
    }
    if constexpr (fits<Stored>()) {
      new (place_) Stored(std::forward<Callable>(callable));
      kind_ = &kInPlace<Stored>;
    } else {
      new (place_) Stored*(new Stored(std::forward<Callable>(callable)));
      kind_ = &kApart<Stored>;
    }
  }
  // NOLINTEND(bugprone-forwarding-reference-overload)
  SendCompletion(SendCompletion&& other) noexcept { take(other); }
  SendCompletion& operator=(SendCompletion&& other) noexcept {
    if (this != &other) {
      clear();
      take(other);
    }
    return *this;
  }
  ~SendCompletion() { clear(); }

  // Whether there is somebody.
  explicit operator bool() const { return kind_ != nullptr; }
  // Only where there is somebody.
  void operator()(const SendResult& result) { kind_->call(place_, result); }
  // For the library itself: whether it is one of these.
  template <typename Stored>
  bool is() const {
    return kind_ == (fits<Stored>() ? &kInPlace<Stored> : &kApart<Stored>);
  }

 private:
  static constexpr size_t kBytes = 32;

  struct Kind {
    void (*call)(void* place, const SendResult& result);
    // nullptr: the bytes are copied.
    void (*move)(void* to, void* from);
    // nullptr: there is nothing to do.
    void (*destroy)(void* place);
  };

  template <typename Stored>
  static constexpr bool fits() {
    return sizeof(Stored) <= kBytes && alignof(Stored) <= alignof(void*) &&
           std::is_nothrow_move_constructible_v<Stored>;
  }
  template <typename Stored>
  static Stored& at(void* place) {
    return *std::launder(static_cast<Stored*>(place));
  }
  template <typename Stored>
  static void move_in_place(void* to, void* from) {
    new (to) Stored(std::move(at<Stored>(from)));
    at<Stored>(from).~Stored();
  }

  template <typename Stored>
  static constexpr Kind kInPlace{
      [](void* place, const SendResult& result) { at<Stored>(place)(result); },
      std::is_trivially_move_constructible_v<Stored>&& std::is_trivially_destructible_v<Stored>
          ? nullptr
          : &move_in_place<Stored>,
      std::is_trivially_destructible_v<Stored> ? nullptr : +[](void* place) { at<Stored>(place).~Stored(); }};
  template <typename Stored>
  static constexpr Kind kApart{[](void* place, const SendResult& result) { (*at<Stored*>(place))(result); }, nullptr,
                               [](void* place) { delete at<Stored*>(place); }};

  void take(SendCompletion& other) noexcept {
    kind_ = std::exchange(other.kind_, nullptr);
    if (kind_ == nullptr) return;
    if (kind_->move == nullptr) {
      std::memcpy(place_, other.place_, kBytes);
    } else {
      kind_->move(place_, other.place_);
    }
  }
  void clear() noexcept {
    const Kind* kind = std::exchange(kind_, nullptr);
    if (kind != nullptr && kind->destroy != nullptr) kind->destroy(place_);
  }

  alignas(void*) std::byte place_[kBytes];
  const Kind* kind_ = nullptr;
};

}  // namespace onehop::client
