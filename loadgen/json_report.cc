// A result as JSON: whole, for merge and compare, and beside that what scripts read, which is derived from it and which
// json_reader.cc ignores.
#include <cmath>
#include <ctime>
#include <nlohmann/json.hpp>

#include "loadgen/json_keys.h"
#include "loadgen/json_scenario.h"
#include "loadgen/report.h"
#include "loadgen/text.h"

namespace onehop::loadgen {
namespace {

// In the order in which it is written: people read these files too.
using Json = nlohmann::ordered_json;

double microseconds(double ns) {
  return std::round(ns) / 1000;
}

Json percentiles(const Histogram& histogram) {
  Json json;
  for (const auto& [key, quantile] : kPercentileKeys) {
    json[key] = microseconds(static_cast<double>(histogram.quantile(quantile)));
  }
  json["max"] = microseconds(static_cast<double>(histogram.max()));
  json["mean"] = microseconds(histogram.mean());
  json["min"] = microseconds(static_cast<double>(histogram.min()));
  json["count"] = histogram.count();
  return json;
}

Json whole(const Histogram& histogram) {
  Json buckets = Json::array();
  for (const auto& [number, count] : histogram.buckets()) buckets.push_back(Json::array({number, count}));
  return {{"unit", "ns"},           {"min", histogram.min()},     {"max", histogram.max()},
          {"sum", histogram.sum()}, {"count", histogram.count()}, {"buckets", std::move(buckets)}};
}

Json accounts(Json json, const RunResult& result) {
  const Account& account = result.account;
  json["outcomes"] = {{"sent", account.sent},        {"delivered", account.delivered}, {"rejected", account.rejected},
                      {"expired", account.expired},  {"lost", account.lost},           {"unknown", account.unknown},
                      {"not_sent", account.not_sent}};
  json["unexplained"] = account.unexplained;
  json["faults"] = {{"duplicates", account.duplicates}, {"out_of_order", account.out_of_order},
                    {"corrupted", account.corrupted},   {"misdirected", account.misdirected},
                    {"untold", account.untold},         {"contradicted", account.contradicted}};
  json["reasons"] = result.reasons;
  json["connections"] = {{"opened", result.connections.opened},
                         {"failed", result.connections.failed},
                         {"unopened", result.connections.unopened},
                         {"broken", result.connections.broken},
                         {"last_problem", result.connections.last_problem}};
  return json;
}

Json generator(const Generator& generator) {
  return {{"threads", generator.threads},
          {"cpu_s", generator.cpu_s},
          {"busiest_thread", generator.busiest_thread},
          {"waiting_for_cpu", generator.waiting_for_cpu},
          {"missed_arrivals", generator.missed_arrivals},
          {"lag_us", percentiles(generator.lag)}};
}

Json system_use(const SystemUse& used, const RunResult& result) {
  Json json{{"cpu_s", used.cpu_s}, {"memory_bytes", used.memory_bytes}};
  const double each_us = result.cpu_us_each();
  const bool connects = result.counts_connects();
  json["cpu_us_per_message"] = each_us > 0 && !connects ? Json(each_us) : Json(nullptr);
  json["cpu_us_per_connect"] = each_us > 0 && connects ? Json(each_us) : Json(nullptr);
  return json;
}

Json capacity(const Capacity& found) {
  Json steps = Json::array();
  for (const CapacityStep& step : found.steps) {
    steps.push_back({{"rate", step.rate},
                     {"achieved_rate", step.achieved_rate},
                     {"held", step.held},
                     {"why_not", step.why_not},
                     {"latency_us", percentiles(step.latency)},
                     {"histogram", whole(step.latency)}});
  }
  return {{"slo", found.slo},
          {"rate", found.rate},
          {"failed_rate", found.failed_rate},
          {"generator_was_limit", found.generator_was_limit},
          {"steps", std::move(steps)}};
}

Json second(const Second& one) {
  return {{"t", one.at_s},
          {"sent", one.sent},
          {"delivered", one.delivered},
          {"told_otherwise", one.told_otherwise},
          {"in_flight", one.in_flight},
          {"opened", one.opened},
          {"lag_max_us", static_cast<double>(one.lag_max) / 1000},
          {"p50_us", microseconds(static_cast<double>(one.latency.quantile(0.5)))},
          {"p99_us", microseconds(static_cast<double>(one.latency.quantile(0.99)))},
          {"max_us", microseconds(static_cast<double>(one.latency.max()))},
          {"histogram", whole(one.latency)}};
}

Json head(const RunResult& result) {
  Json json;
  json["format"] = kJsonFormat;
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
  json["interrupted"] = result.interrupted;
  json["planned_s"] = result.planned_s;
  json["duration_s"] = result.duration_s;
  json["wanted_rate"] = result.wanted_rate;
  json["achieved_rate"] = result.achieved_rate;
  json["exit_code"] = static_cast<int>(exit_code_of(result));
  json["void"] = false;
  if (result.is_void())
    json["void"] = {{"reason", joined(result.void_reasons, "; ")}, {"reasons", result.void_reasons}};
  return json;
}

// What others say of themselves need not be UTF-8; JSON must be.
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

std::string iso_time(double unix_s) {
  const auto ms = static_cast<int64_t>(std::floor(unix_s * 1000 + 0.5));
  const auto seconds = static_cast<time_t>(ms / 1000);
  tm parts{};
  gmtime_r(&seconds, &parts);
  return printed("%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
                 parts.tm_hour, parts.tm_min, parts.tm_sec, static_cast<int>(ms % 1000));
}

std::string to_json(const RunResult& result) {
  Json json = head(result);
  for (const NamedLatency& named : kLatencies) {
    const Histogram& histogram = result.*named.histogram;
    if (named.always || !histogram.empty()) json[std::string(named.name) + "latency_us"] = percentiles(histogram);
  }
  json = accounts(std::move(json), result);
  json["generator"] = generator(result.generator);
  json["system"] = result.system ? system_use(*result.system, result) : Json(nullptr);
  json["thresholds"] = Json::array();
  for (const ThresholdResult& threshold : result.thresholds) {
    json["thresholds"].push_back({{"text", threshold.text}, {"value", threshold.value}, {"kept", threshold.kept}});
  }
  add_scenario(json, result, percentiles, whole);
  json["capacity"] = result.capacity ? capacity(*result.capacity) : Json();
  Json& histograms = json["histograms"];
  for (const NamedLatency& named : kLatencies) histograms[named.key] = whole(result.*named.histogram);
  histograms["lag"] = whole(result.generator.lag);
  json["series"] = Json::array();
  for (const Second& one : result.series) json["series"].push_back(second(one));
  return print(json);
}

}  // namespace onehop::loadgen
