// Putting text together. The std::string_view of this project is another type than the one that Debian's absl knows,
// and <format> is not there yet.
#pragma once

#include <string>
#include <string_view>
#include <type_traits>

namespace onehop::loadgen {

// As printf.
[[gnu::format(printf, 1, 2)]] std::string printed(const char* format, ...);

// Texts and whole numbers, one after the other.
template <class... Pieces>
std::string concat(const Pieces&... pieces) {
  std::string text;
  const auto add = [&](const auto& piece) {
    if constexpr (std::is_integral_v<std::decay_t<decltype(piece)>>) {
      text += std::to_string(piece);
    } else {
      text += std::string_view(piece);
    }
  };
  (add(pieces), ...);
  return text;
}

// All of them, with `between` in between; each as `text_of` gives it.
template <class Items, class Of>
std::string joined(const Items& items, std::string_view between, Of&& text_of) {
  std::string text;
  bool first = true;
  for (const auto& item : items) {
    if (!first) text += between;
    text += text_of(item);
    first = false;
  }
  return text;
}
template <class Items>
std::string joined(const Items& items, std::string_view between) {
  return joined(items, between, [](const std::string& item) { return item; });
}

}  // namespace onehop::loadgen
