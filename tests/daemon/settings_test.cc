// The table of settings: complete, consistent, and the same as its documentation.
#include "daemon/settings.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>

#include "daemon/configuration.h"

namespace onehop::daemon {
namespace {

// Converts to whatever a field is, in an expression that is never evaluated.
struct Anything {
  template <typename T>
  operator T() const;
};

// How many fields an aggregate has: the most values it can be made of.
template <typename T, typename... Values>
constexpr size_t fields_of() {
  if constexpr (requires { T{Values()..., Anything()}; }) {
    return fields_of<T, Values..., Anything>();
  } else {
    return sizeof...(Values);
  }
}

template <typename Options>
struct IsPlaceIn {
  template <typename T>
  bool operator()(T Options::*) const {
    return true;
  }
  template <typename T, typename Other>
  bool operator()(T Other::*) const {
    return false;
  }
};

template <typename Options>
size_t settings_in() {
  return static_cast<size_t>(std::count_if(settings().begin(), settings().end(), [](const Setting& setting) {
    return std::visit(IsPlaceIn<Options>(), setting.place);
  }));
}

TEST(Settings, ThereIsOneForEachOption) {
  EXPECT_EQ(fields_of<BrokerOptions>() - 5,
            settings_in<BrokerOptions>());  // Handlers, loop and tls are for programs only.
  EXPECT_EQ(fields_of<DaemonOptions>() - 1, settings_in<DaemonOptions>());  // `broker` is the above.
}

TEST(Settings, NamesAndPlacesAreTheirOwn) {
  std::set<std::string_view> names;
  for (size_t i = 0; i < settings().size(); ++i) {
    const Setting& setting = settings()[i];
    EXPECT_TRUE(names.insert(setting.name).second) << setting.name;
    EXPECT_EQ(i, find_setting(setting.name));
    EXPECT_FALSE(setting.meaning.empty());
    for (size_t j = 0; j < i; ++j) EXPECT_FALSE(settings()[j].place == setting.place) << setting.name;
  }
  EXPECT_EQ(settings().size(), find_setting("colour"));
}

TEST(Settings, DefaultsAreInTheirRange) {
  const DaemonOptions defaults;
  for (const Setting& setting : settings()) EXPECT_EQ("", wrong_with(setting, get(setting, defaults))) << setting.name;
}

TEST(Settings, NamesInFlagsAndEnvironment) {
  EXPECT_EQ("--queue-bytes-max", flag_of("queue_bytes_max"));
  EXPECT_EQ("ONEHOP_QUEUE_BYTES_MAX", environment_of("queue_bytes_max"));
}

std::string wrong_with_texts(std::string_view name, const std::vector<std::string>& texts) {
  std::string wrong;
  read_texts(settings()[find_setting(name)], texts, wrong);
  return wrong;
}

TEST(Settings, TextsAreReadStrictly) {
  EXPECT_EQ("", wrong_with_texts("shards", {"64"}));
  for (const std::string text : {"65", "-1", "+1", "1.5", "0x10", "", " 1", "1 ", "18446744073709551616", "many"}) {
    EXPECT_NE("", wrong_with_texts("shards", {text})) << text;
  }
  EXPECT_EQ("", wrong_with_texts("connection_age_ms_max", {"0"}));
  EXPECT_EQ("must be a whole number, 0, 1000 to 4294967295, not 999",
            wrong_with_texts("connection_age_ms_max", {"999"}));
  for (const std::string text : {"true", "1", "ON", "yes", "false", "0", "off", "no"}) {
    EXPECT_EQ("", wrong_with_texts("pin", {text})) << text;
  }
  EXPECT_EQ("must be true or false, not 'perhaps'", wrong_with_texts("pin", {"perhaps"}));
  EXPECT_EQ("must be one of auto, text, json, not 'xml'", wrong_with_texts("log_format", {"xml"}));
  EXPECT_EQ("must be printable ASCII", wrong_with_texts("admin_token_file", {"a\nb"}));
  EXPECT_EQ("", wrong_with_texts("listen", {"tcp://127.0.0.1:1,tls://x:1"}));
}

TEST(Settings, AListIsSplitAtCommas) {
  std::string wrong;
  const Value value = read_texts(settings()[find_setting("listen")], {"a,b", ",", "c"}, wrong);
  EXPECT_EQ(Value(std::vector<std::string>{"a", "b", "c"}), value);
}

TEST(Settings, TheReferenceIsInTheDocuments) {
  std::ifstream file(ONEHOP_REFERENCE);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(reference(), text) << "write it anew: onehopd --print-reference >docs/configuration.md";
}

}  // namespace
}  // namespace onehop::daemon
