// Writes a result as JSON: the whole result for merge and compare, and in addition derived figures for scripts, which
// json_reader.cc ignores.
#include <cmath>

#include "loadgen/measure/quantity.h"
#include "loadgen/measure/text.h"
#include "loadgen/report/json.h"
#include "loadgen/report/json_keys.h"
#include "loadgen/report/json_scenario.h"
#include "loadgen/report/report.h"
#include "loadgen/report/spoiled.h"
#include "loadgen/report/verdict.h"

namespace onehop::loadgen {
namespace {

// Null if the duration is infinite.
Json microseconds(double ns) {
  return ns >= kNeverNs ? Json(nullptr) : Json(std::round(ns) / 1000);
}

Json microseconds(uint64_t ns) {
  return microseconds(static_cast<double>(ns));
}

// Null if nothing was measured.
Json number_or_null(double value) {
  return value > 0 ? Json(value) : Json(nullptr);
}

// A figure is null if nothing was measured or the value never came; `infinite` tells the two apart.
Json percentiles(const Histogram& histogram) {
  Json json;
  const bool measured = !histogram.empty();
  for (const auto& [key, quantile] : kPercentileKeys) {
    json[key] = measured ? microseconds(histogram.quantile(quantile)) : Json(nullptr);
  }
  json["max"] = measured ? microseconds(histogram.max()) : Json(nullptr);
  json["mean"] = measured ? microseconds(histogram.mean()) : Json(nullptr);
  json["min"] = measured ? microseconds(histogram.min()) : Json(nullptr);
  json["count"] = histogram.count();
  json["infinite"] = histogram.never();
  return json;
}

Json latency(const RunResult& result, Latency of) {
  Json json = percentiles(result.*of);
  json["spoiled"] = spoiled_figures(result, of);
  return json;
}

Json whole(const Histogram& histogram) {
  Json buckets = Json::array();
  for (const auto& [number, count] : histogram.buckets()) buckets.push_back(Json::array({number, count}));
  const bool came = histogram.count() != 0;
  return {{"unit", "ns"},
          {"min", came ? Json(histogram.min()) : Json(nullptr)},
          {"max", came ? Json(histogram.largest_value()) : Json(nullptr)},
          {"sum", histogram.sum()},
          {"count", histogram.count()},
          {"infinite", histogram.never()},
          {"buckets", std::move(buckets)}};
}

Json accounts(Json json, const RunResult& result) {
  const Account& account = result.account;
  json["outcomes"] = {{"sent", account.sent},         {"delivered", account.delivered},
                      {"rejected", account.rejected}, {"expired", account.expired},
                      {"lost", account.lost},         {"unknown", account.unknown},
                      {"not_sent", account.not_sent}, {"not_arrived", account.not_arrived}};
  json["planned"] = result.planned();
  json["unexplained"] = account.unexplained;
  json["not_told"] = account.not_told;
  json["provoked"] = {{"rejected", account.provoked.rejected},
                      {"expired", account.provoked.expired},
                      {"not_sent", account.provoked.not_sent},
                      {"not_arrived", account.provoked.not_arrived}};
  json["faults"] = {{"duplicates", account.duplicates}, {"out_of_order", account.out_of_order},
                    {"corrupted", account.corrupted},   {"misdirected", account.misdirected},
                    {"untold", account.untold},         {"contradicted", account.contradicted}};
  json["reasons"] = result.reasons;
  json["connections"] = {{"opened", result.connections.opened},     {"failed", result.connections.failed},
                         {"unopened", result.connections.unopened}, {"broken", result.connections.broken},
                         {"silent", result.connections.silent},     {"last_problem", result.connections.last_problem}};
  return json;
}

Json generator(const Generator& generator) {
  return {{"threads", generator.threads},
          {"cpu_s", generator.cpu_s},
          {"busiest_thread", generator.busiest_thread},
          {"waiting_for_cpu", generator.waiting_for_cpu},
          {"missed_arrivals", generator.missed_arrivals},
          {"lag_allowed_us", microseconds(generator.lag_allowed)},
          {"lag_us", percentiles(generator.lag)},
          {"read_lag_us", percentiles(generator.read_lag)}};
}

Json system_use(const SystemUse& used, const RunResult& result) {
  Json json{{"cpu_s", used.cpu_s}, {"memory_bytes", used.memory_bytes != 0 ? Json(used.memory_bytes) : Json(nullptr)}};
  const double each_us = result.cpu_us_each();
  const bool connects = result.counts_connects();
  json["cpu_us_per_message"] = each_us > 0 && !connects ? Json(each_us) : Json(nullptr);
  json["cpu_us_per_connect"] = each_us > 0 && connects ? Json(each_us) : Json(nullptr);
  return json;
}

Json search(const Capacity& found) {
  Json steps = Json::array();
  for (const CapacityStep& step : found.steps) {
    steps.push_back({{"rate", step.rate},
                     {"achieved_rate", step.achieved_rate},
                     {"held", step.held},
                     {"why_not", step.why_not},
                     {"latency_us", percentiles(step.latency)},
                     {"histogram", whole(step.latency)}});
  }
  const bool finished = found.unfinished.empty();
  return {{"slo", found.slo},
          {"finished", finished},
          {"unfinished", found.unfinished},
          {"rate", finished ? number_or_null(found.rate) : Json(nullptr)},
          {"held_rate", number_or_null(found.rate)},
          {"failed_rate", number_or_null(found.failed_rate)},
          {"generator_was_limit", found.generator_was_limit},
          {"steps", std::move(steps)}};
}

Json second(const Second& one) {
  const bool came = !one.latency.empty();
  return {{"t", one.at_s},
          {"sent", one.sent},
          {"delivered", one.delivered},
          {"told_otherwise", one.told_otherwise},
          {"in_flight", one.in_flight},
          {"opened", one.opened},
          {"lag_max_us", static_cast<double>(one.lag_max) / 1000},
          {"p50_us", came ? microseconds(one.latency.quantile(0.5)) : Json(nullptr)},
          {"p99_us", came ? microseconds(one.latency.quantile(0.99)) : Json(nullptr)},
          {"max_us", came ? microseconds(one.latency.max()) : Json(nullptr)},
          {"histogram", whole(one.latency)}};
}

Json threshold_json(const ThresholdResult& checked) {
  const bool measured = checked.value.has_value();
  const bool infinite = measured && *checked.value >= kNeverNs;
  return {{"text", checked.text},
          {"value", measured && !infinite ? Json(*checked.value) : Json(nullptr)},
          {"infinite", infinite},
          {"kept", checked.kept},
          {"spoiled", checked.spoiled}};
}

// The exit code and the reasons for it.
void add_verdict(Json& json, const RunResult& result) {
  json["exit_code"] = static_cast<int>(exit_code_of(result));
  json["failures"] = failures(result);
  json["interrupted"] = result.interrupted;
  json["void"] = result.is_void();
  json["void_reasons"] = result.void_reasons;
  json["warnings"] = result.warnings;
  json["allowed"] = result.allowed;
}

Json head(const RunResult& result) {
  Json json;
  json["format"] = kJsonFormat;
  json["kind"] = result.capacity ? "search" : result.parts > 1 ? "merge" : "run";
  json["version"] = result.version;
  json["id"] = result.id;
  json["started"] = iso_time(result.started_unix_s);
  json["started_unix_s"] = result.started_unix_s;
  json["target"] = result.target;
  json["server"] = result.server;
  json["host"] = {{"name", result.host.name},
                  {"kernel", result.host.kernel},
                  {"cpu", result.host.cpu},
                  {"cores", result.host.cores},
                  {"memory_bytes", result.host.memory_bytes}};
  json["settings"] = result.settings;
  json["parts"] = result.parts;
  json["loop"] = result.open_loop ? "open" : "closed";
  json["planned_s"] = result.planned_s;
  json["duration_s"] = result.duration_s;
  json["wanted_rate"] = number_or_null(result.has_rate() ? result.wanted_rate : 0);
  json["achieved_rate"] = result.has_rate() ? Json(result.achieved_rate) : Json(nullptr);
  add_verdict(json, result);
  return json;
}

// Texts of servers need not be UTF-8, but JSON must be.
std::string text_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// One line for each key, and for each second of the series.
std::string print(const Json& json) {
  std::string text = "{";
  for (const auto& [key, value] : json.items()) {
    text += text.size() == 1 ? "\n" : ",\n";
    text += text_of(key) + ": ";
    if (key != "series" || value.empty()) {
      text += text_of(value);
      continue;
    }
    text += "[";
    for (const Json& one : value) text += (&one == &value.front() ? "\n  " : ",\n  ") + text_of(one);
    text += "\n]";
  }
  return text + "\n}\n";
}

}  // namespace

std::string to_json(const RunResult& result) {
  Json json = head(result);
  for (const NamedLatency& named : kLatencies) {
    json[std::string(named.prefix) + "latency_us"] = latency(result, named.histogram);
  }
  json = accounts(std::move(json), result);
  json["generator"] = generator(result.generator);
  json["system"] = result.system ? system_use(*result.system, result) : Json(nullptr);
  json["thresholds"] = Json::array();
  for (const ThresholdResult& threshold : result.thresholds) {
    json["thresholds"].push_back(threshold_json(threshold));
  }
  add_scenario(json, result, percentiles, whole);
  json["capacity"] = result.capacity ? search(*result.capacity) : Json();
  Json& histograms = json["histograms"];
  for (const NamedLatency& named : kLatencies) histograms[named.key] = whole(result.*named.histogram);
  histograms["lag"] = whole(result.generator.lag);
  histograms["read_lag"] = whole(result.generator.read_lag);
  json["series"] = Json::array();
  for (const Second& one : result.series) json["series"].push_back(second(one));
  return print(json);
}

}  // namespace onehop::loadgen
