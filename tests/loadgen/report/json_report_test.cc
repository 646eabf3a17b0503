// Tests of a result as JSON: nothing is lost on the way there and back, scripts find their keys, and a file that is no
// result is refused with a line that says why.
#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "loadgen/report/report.h"
#include "sample_run.h"

namespace onehop::loadgen {
namespace {

using nlohmann::json;

RunResult full_run() {
  RunResult run = sample_run(1);
  run.capacity = sample_capacity(1);
  run.void_reasons = {"busy", "late"};
  run.account.unexplained = 4;
  run.account.duplicates = 5;
  run.account.out_of_order = 6;
  run.account.corrupted = 7;
  run.account.misdirected = 8;
  run.account.untold = 9;
  run.account.contradicted = 10;
  run.account.lost = 11;
  run.account.unknown = 12;
  run.account.not_sent = 13;
  run.account.not_arrived = 15;
  run.account.not_told = 16;
  run.account.provoked = {1, 2, 3, 4};
  run.connections.silent = 17;
  run.generator.lag_allowed = 12'345;
  run.generator.lag.record_never(14);
  run.warnings = {"missing: part 2/2"};
  run.generator.missed_arrivals = 14;
  run.open_loop = false;
  run.interrupted = true;
  run.parts = 3;
  run.planned_s = 0.1 + 0.2;
  return run;
}

std::string refusal_of_json(const std::string& text) {
  try {
    from_json(text);
  } catch (const std::runtime_error& error) {
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
    return error.what();
  }
  return "none";
}

// Returns the refusal of a good file after a change.
template <class Change>
std::string refusal_after(Change&& change) {
  json parsed = json::parse(to_json(full_run()));
  change(parsed);
  return refusal_of_json(parsed.dump());
}

TEST(JsonReport, NothingIsLostThereAndBack) {
  for (const RunResult& run : {full_run(), sample_run(2), RunResult()}) {
    const std::string text = to_json(run);
    EXPECT_TRUE(text == to_json(from_json(text)));
  }
  const RunResult run = full_run();
  const RunResult back = from_json(to_json(run));
  EXPECT_TRUE(back.latency == run.latency);
  EXPECT_TRUE(back.uncorrected == run.uncorrected);
  EXPECT_TRUE(back.confirm_latency == run.confirm_latency);
  EXPECT_TRUE(back.connect_latency == run.connect_latency);
  EXPECT_TRUE(back.slow_latency == run.slow_latency);
  EXPECT_TRUE(back.generator.lag == run.generator.lag);
  ASSERT_EQ(back.series.size(), run.series.size());
  for (size_t i = 0; i < run.series.size(); ++i) {
    EXPECT_TRUE(back.series[i].latency == run.series[i].latency);
    EXPECT_EQ(back.series[i].lag_max, run.series[i].lag_max);
    EXPECT_EQ(back.series[i].in_flight, run.series[i].in_flight);
  }
  ASSERT_TRUE(back.capacity.has_value());
  EXPECT_TRUE(back.capacity->steps[3].latency == run.capacity->steps[3].latency);
  EXPECT_EQ(back.started_unix_s, run.started_unix_s);
  EXPECT_EQ(back.planned_s, run.planned_s);
  EXPECT_EQ(back.settings, run.settings);
  EXPECT_EQ(back.reasons, run.reasons);
  EXPECT_EQ(back.void_reasons, run.void_reasons);
  EXPECT_EQ(back.account.contradicted, 10u);
  EXPECT_EQ(back.connections.last_problem, run.connections.last_problem);
  EXPECT_FALSE(back.open_loop);
  EXPECT_TRUE(back.interrupted);
  EXPECT_EQ(back.parts, 3u);
  EXPECT_EQ(back.account.not_arrived, 15u);
  EXPECT_EQ(back.account.not_told, 16u);
  EXPECT_EQ(back.account.provoked.not_arrived, 4u);
  EXPECT_EQ(back.connections.silent, 17u);
  EXPECT_EQ(back.generator.lag_allowed, 12'345u);
  EXPECT_EQ(back.warnings, run.warnings);
  EXPECT_EQ(back.allowed, run.allowed);
  EXPECT_FALSE(RunResult().capacity.has_value());
}

TEST(JsonReport, ScriptsFindTheirKeys) {
  RunResult run = sample_run(1);
  run.latency.clear();
  for (uint64_t i = 1; i <= 1000; ++i) run.latency.record(i * 1000);
  const json parsed = json::parse(to_json(run));
  EXPECT_EQ(parsed["format"], 2);
  EXPECT_EQ(parsed["kind"], "run");
  EXPECT_NEAR(parsed["latency_us"]["p50"].get<double>(), 500, 0.5);
  EXPECT_NEAR(parsed["latency_us"]["p90"].get<double>(), 900, 0.9);
  EXPECT_NEAR(parsed["latency_us"]["p95"].get<double>(), 950, 0.95);
  EXPECT_NEAR(parsed["latency_us"]["p99"].get<double>(), 990, 1);
  EXPECT_NEAR(parsed["latency_us"]["p99_9"].get<double>(), 999, 1);
  EXPECT_EQ(parsed["latency_us"]["p99_99"], 1000.0);
  EXPECT_EQ(parsed["latency_us"]["max"], 1000.0);
  EXPECT_EQ(parsed["latency_us"]["min"], 1.0);
  EXPECT_EQ(parsed["latency_us"]["mean"], 500.5);
  EXPECT_EQ(parsed["latency_us"]["count"], 1000);
  for (const char* key : {"uncorrected_latency_us", "confirm_latency_us", "connect_latency_us", "slow_latency_us"}) {
    EXPECT_GT(parsed[key]["p99_9"].get<double>(), 0) << key;
  }
  EXPECT_EQ(parsed["outcomes"]["sent"], 100'000);
  EXPECT_EQ(parsed["outcomes"]["delivered"], 99'985);
  EXPECT_EQ(parsed["outcomes"]["rejected"], 12);
  EXPECT_EQ(parsed["unexplained"], 0);
  EXPECT_EQ(parsed["faults"]["duplicates"], 0);
  EXPECT_EQ(parsed["achieved_rate"], 4999.25);
  EXPECT_EQ(parsed["wanted_rate"], 5000.0);
  EXPECT_EQ(parsed["loop"], "open");
  EXPECT_EQ(parsed["void"], false);
  EXPECT_EQ(parsed["void_reasons"], json::array());
  EXPECT_EQ(parsed["failures"], json::array());
  EXPECT_EQ(parsed["exit_code"], 0);
  EXPECT_EQ(parsed["started"], "2026-09-21T14:13:20.125Z");
  EXPECT_EQ(parsed["series"].size(), 20u);
  EXPECT_EQ(parsed["series"][9]["t"], 9.0);
  EXPECT_EQ(parsed["series"][9]["told_otherwise"], 15);
  EXPECT_GT(parsed["series"][9]["p99_us"].get<double>(), 250'000);
  EXPECT_EQ(parsed["host"]["cores"], 8);
  EXPECT_TRUE(parsed["capacity"].is_null());
  EXPECT_EQ(parsed["histograms"]["latency"]["unit"], "ns");
}

TEST(JsonReport, WhatWasNotMeasuredIsNull) {
  RunResult run;
  run.settings["workload"] = "idle";
  run.series.emplace_back();
  run.system = SystemUse{1, 0};
  run.thresholds = {{"p99<5ms", std::nullopt, false, false}};
  const json parsed = json::parse(to_json(run));
  for (const char* of :
       {"latency_us", "uncorrected_latency_us", "confirm_latency_us", "connect_latency_us", "slow_latency_us"}) {
    for (const char* key : {"p50", "p90", "p95", "p99", "p99_9", "p99_99", "max", "mean", "min"}) {
      EXPECT_TRUE(parsed[of][key].is_null()) << of << " " << key;
    }
    EXPECT_EQ(parsed[of]["count"], 0);
    EXPECT_EQ(parsed[of]["infinite"], 0);
  }
  EXPECT_TRUE(parsed["generator"]["lag_us"]["p99"].is_null());
  for (const char* key : {"p50_us", "p99_us", "max_us"}) EXPECT_TRUE(parsed["series"][0][key].is_null()) << key;
  EXPECT_TRUE(parsed["wanted_rate"].is_null());
  EXPECT_TRUE(parsed["achieved_rate"].is_null());
  EXPECT_TRUE(parsed["system"]["memory_bytes"].is_null());
  EXPECT_TRUE(parsed["thresholds"][0]["value"].is_null());
  EXPECT_EQ(parsed["thresholds"][0]["infinite"], false);
}

TEST(JsonReport, WhatNeverCameIsCountedAndNull) {
  RunResult run = sample_run(1);
  run.latency.clear();
  run.latency.record(1'000'000, 985);
  run.latency.record_never(15);
  run.thresholds = {{"p99<1s", std::numeric_limits<double>::infinity(), false, false}};
  const json parsed = json::parse(to_json(run));
  EXPECT_NEAR(parsed["latency_us"]["p90"].get<double>(), 1000, 1);
  for (const char* key : {"p99", "p99_9", "p99_99", "max", "mean"}) EXPECT_TRUE(parsed["latency_us"][key].is_null());
  EXPECT_EQ(parsed["latency_us"]["count"], 985);
  EXPECT_EQ(parsed["latency_us"]["infinite"], 15);
  EXPECT_TRUE(parsed["thresholds"][0]["value"].is_null());
  EXPECT_EQ(parsed["thresholds"][0]["infinite"], true);
  EXPECT_EQ(parsed["exit_code"], 1);
  const RunResult back = from_json(to_json(run));
  EXPECT_TRUE(back.latency == run.latency);
  EXPECT_EQ(back.thresholds[0].value, run.thresholds[0].value);
}

TEST(JsonReport, AnUnfinishedSearchHasNoKnee) {
  RunResult run = sample_run(1);
  run.capacity = sample_capacity(1);
  EXPECT_EQ(json::parse(to_json(run))["capacity"]["rate"], 60'000.0);
  EXPECT_EQ(json::parse(to_json(run))["kind"], "search");
  run.capacity->unfinished = "interrupted";
  run.interrupted = true;
  const json parsed = json::parse(to_json(run));
  EXPECT_TRUE(parsed["capacity"]["rate"].is_null());
  EXPECT_EQ(parsed["capacity"]["finished"], false);
  EXPECT_EQ(parsed["capacity"]["held_rate"], 60'000.0);
  EXPECT_EQ(parsed["exit_code"], 130);
}

TEST(JsonReport, AVoidRunSaysWhy) {
  const json parsed = json::parse(to_json(full_run()));
  EXPECT_EQ(parsed["void"], true);
  EXPECT_EQ(parsed["void_reasons"], json({"busy", "late"}));
  EXPECT_EQ(parsed["loop"], "closed");
  EXPECT_EQ(parsed["exit_code"], 1);  // The accounts decide first.
  RunResult run = sample_run(1);
  run.void_reasons = {"busy"};
  EXPECT_EQ(json::parse(to_json(run))["exit_code"], 4);
}

TEST(JsonReport, TextThatIsNotUtf8StaysJson) {
  RunResult run = sample_run(1);
  run.server = "caf\xe9 \"quoted\" \n\x01";
  const RunResult back = from_json(to_json(run));
  EXPECT_EQ(back.server, "caf\xef\xbf\xbd \"quoted\" \n\x01");
}

TEST(JsonReport, WhatIsNoResultIsRefused) {
  EXPECT_EQ(refusal_of_json("hello"), "this is not JSON, from byte 1 on");
  EXPECT_EQ(refusal_of_json(""), "this is not JSON, from byte 1 on");
  EXPECT_NE(refusal_of_json("{}").find("\"format\" is missing"), std::string::npos);
  EXPECT_NE(refusal_of_json("[1]").find("\"format\" is missing"), std::string::npos);
  EXPECT_NE(refusal_of_json(R"({"format": 1})").find("another format than 2"), std::string::npos);
  EXPECT_EQ(refusal_of_json(R"({"format": 2})"), "\"version\" is missing");
  EXPECT_EQ(refusal_after([](json&) {}), "none");
}

TEST(JsonReport, WhatIsMissingOrOfAnotherKindIsNamed) {
  const std::string whole = to_json(full_run());
  EXPECT_NE(refusal_of_json(whole.substr(0, whole.size() / 2)).find("this is not JSON"), std::string::npos);
  EXPECT_EQ(refusal_after([](json& j) { j["host"].erase("cpu"); }), "\"host.cpu\" is missing");
  EXPECT_EQ(refusal_after([](json& j) { j["series"][3].erase("sent"); }), "\"series[3].sent\" is missing");
  EXPECT_EQ(refusal_after([](json& j) { j["outcomes"]["lost"] = -1; }), "\"outcomes.lost\" is no whole number");
  EXPECT_EQ(refusal_after([](json& j) { j["outcomes"]["lost"] = 1.5; }), "\"outcomes.lost\" is no whole number");
  EXPECT_EQ(refusal_after([](json& j) { j["target"] = 5; }), "\"target\" is no text");
  EXPECT_EQ(refusal_after([](json& j) { j["settings"] = 5; }), "\"settings\" is no object");
  EXPECT_EQ(refusal_after([](json& j) { j["series"] = 5; }), "\"series\" is no list");
  EXPECT_EQ(refusal_after([](json& j) { j["parts"] = 5'000'000'000; }), "\"parts\" is too large");
  EXPECT_EQ(refusal_after([](json& j) { j["achieved_rate"] = "fast"; }), "\"achieved_rate\" is no number");
  EXPECT_EQ(refusal_after([](json& j) { j["interrupted"] = 0; }), "\"interrupted\" is neither true nor false");
  EXPECT_EQ(refusal_after([](json& j) { j["void"] = 1; }), "\"void\" is neither true nor false");
  EXPECT_EQ(refusal_after([](json& j) { j["void_reasons"] = json::array(); }), "\"void\" contradicts \"void_reasons\"");
  EXPECT_NE(refusal_after([](json& j) { j["loop"] = "x"; }).find("neither \"open\" nor"), std::string::npos);
  EXPECT_EQ(refusal_after([](json& j) { j["series"][0]["lag_max_us"] = -1; }),
            "\"series[0].lag_max_us\" is no duration");
}

TEST(JsonReport, AHistogramThatContradictsItselfIsRefused) {
  const auto refused = [](auto&& change) {
    return refusal_after([&](json& j) { change(j["histograms"]["latency"]); });
  };
  EXPECT_NE(refused([](json& h) { h["count"] = 1; }).find("\"histograms.latency\" contradicts itself"),
            std::string::npos);
  EXPECT_NE(refused([](json& h) { h["max"] = 1; }).find("\"histograms.latency\" contradicts itself"),
            std::string::npos);
  EXPECT_NE(refused([](json& h) { h["buckets"][0] = {1, 2, 3}; }).find("buckets[0]\" is no pair"), std::string::npos);
  EXPECT_NE(refused([](json& h) { h["buckets"][0][0] = 4'000'000'000; }).find("that there is not"), std::string::npos);
  EXPECT_NE(refused([](json& h) { h["unit"] = "ms"; }).find("unit\" is not \"ns\""), std::string::npos);
}

}  // namespace
}  // namespace onehop::loadgen
