// Reads a result from its JSON. It guesses nothing: an error names the path of what is missing or has the wrong type.
#include <cmath>
#include <limits>

#include "loadgen/measure/text.h"
#include "loadgen/report/json.h"
#include "loadgen/report/json_keys.h"
#include "loadgen/report/json_scenario.h"
#include "loadgen/report/report.h"

namespace onehop::loadgen {
namespace {

// A JSON value with the path that led to it.
class Place {
 public:
  Place(const Json& json, std::string path) : json_(json), path_(std::move(path)) {}

  Place operator[](const char* key) const {
    if (!json_.is_object()) fail("is no object");
    const auto found = json_.find(key);
    const std::string path = path_.empty() ? key : concat(path_, ".", key);
    if (found == json_.end()) throw std::runtime_error(concat("\"", path, "\" is missing"));
    return {*found, path};
  }

  template <class Each>
  void each(Each&& visit) const {
    if (!json_.is_array()) fail("is no list");
    for (size_t i = 0; i < json_.size(); ++i) visit(Place(json_[i], concat(path_, "[", i, "]")));
  }
  template <class Each>
  void each_key(Each&& visit) const {
    if (!json_.is_object()) fail("is no object");
    for (const auto& [key, value] : json_.items()) visit(key, Place(value, concat(path_, ".", key)));
  }

  uint64_t count() const {
    if (!json_.is_number_unsigned()) fail("is no whole number");
    return json_.get<uint64_t>();
  }
  uint32_t small_count() const {
    if (count() > std::numeric_limits<uint32_t>::max()) fail("is too large");
    return static_cast<uint32_t>(count());
  }
  double number() const {
    if (!json_.is_number()) fail("is no number");
    return json_.get<double>();
  }
  bool flag() const {
    if (!json_.is_boolean()) fail("is neither true nor false");
    return json_.get<bool>();
  }
  std::string text() const {
    if (!json_.is_string()) fail("is no text");
    return json_.get<std::string>();
  }
  bool is_null() const { return json_.is_null(); }
  // For keys that are null where nothing was measured.
  uint64_t count_or_0() const { return is_null() ? 0 : count(); }
  double number_or_0() const { return is_null() ? 0 : number(); }
  std::vector<std::string> texts() const {
    std::vector<std::string> all;
    each([&](const Place& one) { all.push_back(one.text()); });
    return all;
  }

  [[noreturn]] void fail(std::string_view what) const {
    throw std::runtime_error(concat(path_.empty() ? "it" : concat("\"", path_, "\""), " ", what));
  }

 private:
  const Json& json_;
  std::string path_;
};

Histogram read_histogram(const Place& place) {
  if (place["unit"].text() != "ns") place["unit"].fail("is not \"ns\"");
  std::vector<std::pair<uint32_t, uint64_t>> buckets;
  place["buckets"].each([&](const Place& bucket) {
    std::vector<uint64_t> pair;
    bucket.each([&](const Place& number) { pair.push_back(number.count()); });
    if (pair.size() != 2) bucket.fail("is no pair of number and count");
    if (pair[0] > Histogram::bucket_of(Histogram::kValueMax)) bucket.fail("names a bucket that there is not");
    buckets.emplace_back(static_cast<uint32_t>(pair[0]), pair[1]);
  });
  Histogram histogram;
  try {
    histogram = Histogram::from_buckets(buckets, place["min"].count_or_0(), place["max"].count_or_0(),
                                        place["sum"].count(), place["infinite"].count());
  } catch (const std::invalid_argument& contradiction) {
    place.fail(concat("contradicts itself: ", contradiction.what()));
  }
  if (histogram.count() != place["count"].count()) place.fail("contradicts itself: count is not that of the buckets");
  return histogram;
}

void read_accounts(const Place& json, RunResult& result) {
  Account& account = result.account;
  const Place outcomes = json["outcomes"];
  account.sent = outcomes["sent"].count();
  account.delivered = outcomes["delivered"].count();
  account.rejected = outcomes["rejected"].count();
  account.expired = outcomes["expired"].count();
  account.lost = outcomes["lost"].count();
  account.unknown = outcomes["unknown"].count();
  account.not_sent = outcomes["not_sent"].count();
  account.not_arrived = outcomes["not_arrived"].count();
  account.unexplained = json["unexplained"].count();
  account.not_told = json["not_told"].count();
  const Place provoked = json["provoked"];
  account.provoked = {provoked["rejected"].count(), provoked["expired"].count(), provoked["not_sent"].count(),
                      provoked["not_arrived"].count()};
  const Place faults = json["faults"];
  account.duplicates = faults["duplicates"].count();
  account.out_of_order = faults["out_of_order"].count();
  account.corrupted = faults["corrupted"].count();
  account.misdirected = faults["misdirected"].count();
  account.untold = faults["untold"].count();
  account.contradicted = faults["contradicted"].count();
  json["reasons"].each_key([&](const std::string& key, const Place& value) { result.reasons[key] = value.count(); });
  const Place connections = json["connections"];
  result.connections = {connections["opened"].count(),   connections["failed"].count(),
                        connections["unopened"].count(), connections["broken"].count(),
                        connections["silent"].count(),   connections["last_problem"].text()};
}

Capacity read_capacity(const Place& json) {
  Capacity capacity;
  capacity.slo = json["slo"].text();
  capacity.unfinished = json["unfinished"].text();
  capacity.rate = json["held_rate"].number_or_0();
  capacity.failed_rate = json["failed_rate"].number_or_0();
  capacity.generator_was_limit = json["generator_was_limit"].flag();
  json["steps"].each([&](const Place& step) {
    capacity.steps.push_back({step["rate"].number(), step["achieved_rate"].number(), step["held"].flag(),
                              step["why_not"].text(), read_histogram(step["histogram"])});
  });
  return capacity;
}

Second read_second(const Place& json) {
  Second second;
  second.at_s = json["t"].number();
  second.sent = json["sent"].count();
  second.delivered = json["delivered"].count();
  second.told_otherwise = json["told_otherwise"].count();
  second.in_flight = json["in_flight"].count();
  second.opened = json["opened"].count();
  const double lag_max_us = json["lag_max_us"].number();
  if (lag_max_us < 0 || lag_max_us > 1e15) json["lag_max_us"].fail("is no duration");
  second.lag_max = static_cast<uint64_t>(std::llround(lag_max_us * 1000));
  second.latency = read_histogram(json["histogram"]);
  second.latency.pack();
  return second;
}

void read_head(const Place& json, RunResult& result) {
  result.version = json["version"].text();
  result.id = json["id"].text();
  result.started_unix_s = json["started_unix_s"].number();
  result.target = json["target"].text();
  result.server = json["server"].text();
  const Place host = json["host"];
  result.host = {host["name"].text(), host["kernel"].text(), host["cpu"].text(), host["cores"].small_count(),
                 host["memory_bytes"].count()};
  json["settings"].each_key([&](const std::string& key, const Place& value) { result.settings[key] = value.text(); });
  result.parts = json["parts"].small_count();
  const std::string loop = json["loop"].text();
  if (loop != "open" && loop != "closed") json["loop"].fail("is neither \"open\" nor \"closed\"");
  result.open_loop = loop == "open";
  result.planned_s = json["planned_s"].number();
  result.duration_s = json["duration_s"].number();
  result.wanted_rate = json["wanted_rate"].number_or_0();
  result.achieved_rate = json["achieved_rate"].number_or_0();
}

void read_verdict(const Place& json, RunResult& result) {
  result.interrupted = json["interrupted"].flag();
  result.void_reasons = json["void_reasons"].texts();
  if (json["void"].flag() != result.is_void()) json["void"].fail("contradicts \"void_reasons\"");
  result.warnings = json["warnings"].texts();
  result.allowed = json["allowed"].texts();
  json["thresholds"].each([&](const Place& threshold) {
    ThresholdResult& checked = result.thresholds.emplace_back();
    checked.text = threshold["text"].text();
    if (threshold["infinite"].flag()) {
      checked.value = std::numeric_limits<double>::infinity();
    } else if (!threshold["value"].is_null()) {
      checked.value = threshold["value"].number();
    }
    checked.kept = threshold["kept"].flag();
    checked.spoiled = threshold["spoiled"].flag();
  });
}

Generator read_generator(const Place& json, const Place& histograms) {
  const double lag_allowed_us = json["lag_allowed_us"].number();
  if (lag_allowed_us < 0 || lag_allowed_us > 1e15) json["lag_allowed_us"].fail("is no duration");
  return {json["threads"].small_count(),          json["cpu_s"].number(),
          json["busiest_thread"].number(),        json["waiting_for_cpu"].number(),
          json["missed_arrivals"].count(),        read_histogram(histograms["lag"]),
          read_histogram(histograms["read_lag"]), static_cast<uint64_t>(std::llround(lag_allowed_us * 1000))};
}

Json parse(const std::string& text) {
  Json parsed;
  try {
    parsed = Json::parse(text);
  } catch (const Json::parse_error& problem) {
    throw std::runtime_error(concat("this is not JSON, from byte ", problem.byte, " on"));
  }
  if (!parsed.is_object() || !parsed.contains("format")) {
    throw std::runtime_error("this is no result of onehop-loadgen: \"format\" is missing");
  }
  if (parsed["format"] != kJsonFormat) {
    throw std::runtime_error(concat("this has another format than ", kJsonFormat,
                                    ", the only one known: another version of onehop-loadgen wrote it"));
  }
  return parsed;
}

}  // namespace

RunResult from_json(const std::string& text) {
  const Json parsed = parse(text);
  const Place json(parsed, "");
  RunResult result;
  read_head(json, result);
  for (const NamedLatency& named : kLatencies) result.*named.histogram = read_histogram(json["histograms"][named.key]);
  read_accounts(json, result);
  read_verdict(json, result);
  result.generator = read_generator(json["generator"], json["histograms"]);
  if (!json["system"].is_null()) {
    result.system = {json["system"]["cpu_s"].number(), json["system"]["memory_bytes"].count_or_0()};
  }
  if (!json["capacity"].is_null()) result.capacity = read_capacity(json["capacity"]);
  read_scenario(json, result, read_histogram);
  json["series"].each([&](const Place& second) { result.series.push_back(read_second(second)); });
  return result;
}

}  // namespace onehop::loadgen
