// Writes and reads the keys for stages, commands and an early end.
#pragma once

#include "loadgen/measure/result.h"
#include "loadgen/report/json.h"

namespace onehop::loadgen {

// `percentiles` makes JSON of a histogram in microseconds for scripts, and `whole` makes JSON of it bucket by bucket.
template <class Percentiles, class Whole>
void add_scenario(Json& json, const RunResult& result, Percentiles&& percentiles, Whole&& whole) {
  const auto known = [](const auto& value) { return value ? Json(*value) : Json(nullptr); };
  json["ended_early"] = result.ended_early.empty() ? Json(nullptr) : Json(result.ended_early);
  json["commands"] = Json::array();
  for (const CommandResult& command : result.commands) {
    const bool counted = command.started_s.has_value();
    json["commands"].push_back({{"at_s", command.at_s},
                                {"command", command.command},
                                {"started_s", known(command.started_s)},
                                {"ended_s", known(command.ended_s)},
                                {"exit_status", known(command.exit_status)},
                                {"signal", known(command.signal)},
                                {"ended_with_run", command.ended_with_run},
                                {"problem", command.problem.empty() ? Json(nullptr) : Json(command.problem)},
                                {"lost", counted ? Json(command.lost) : Json(nullptr)},
                                {"doubled", counted ? Json(command.doubled) : Json(nullptr)},
                                {"recovery_s", known(command.recovery_s)}});
  }
  json["stages"] = Json::array();
  for (const StageResult& stage : result.stages) {
    const StageFigures& figures = stage.figures;
    json["stages"].push_back({{"begin_s", stage.begin_s},
                              {"duration_s", stage.duration_s},
                              {"from_rate", stage.from_rate},
                              {"to_rate", stage.to_rate},
                              {"sent", figures.due},
                              {"delivered", figures.delivered},
                              {"timed", figures.timed},
                              {"arrivals", figures.arrivals},
                              {"rate", stage.duration_s > 0 ? Json(stage.rate()) : Json(nullptr)},
                              {"latency_us", percentiles(figures.latency)},
                              {"histogram", whole(figures.latency)},
                              {"lag_histogram", whole(figures.lag)}});
  }
}

// `Place` is the class of json_reader.cc: a value with the path that led to it.
template <class Place, class ReadHistogram>
void read_scenario(const Place& json, RunResult& result, ReadHistogram&& read_histogram) {
  if (!json["ended_early"].is_null()) result.ended_early = json["ended_early"].text();
  json["commands"].each([&](const Place& place) {
    CommandResult command;
    const auto read = [&](const char* key, auto&& reader) {
      if (!place[key].is_null()) reader(place[key]);
    };
    command.at_s = place["at_s"].number();
    command.command = place["command"].text();
    read("started_s", [&](const Place& value) { command.started_s = value.number(); });
    read("ended_s", [&](const Place& value) { command.ended_s = value.number(); });
    read("exit_status", [&](const Place& value) { command.exit_status = static_cast<int>(value.small_count()); });
    read("signal", [&](const Place& value) { command.signal = static_cast<int>(value.small_count()); });
    command.ended_with_run = place["ended_with_run"].flag();
    read("problem", [&](const Place& value) { command.problem = value.text(); });
    read("lost", [&](const Place& value) { command.lost = value.count(); });
    read("doubled", [&](const Place& value) { command.doubled = value.count(); });
    read("recovery_s", [&](const Place& value) { command.recovery_s = value.number(); });
    result.commands.push_back(command);
  });
  json["stages"].each([&](const Place& place) {
    StageResult stage;
    stage.begin_s = place["begin_s"].number();
    stage.duration_s = place["duration_s"].number();
    stage.from_rate = place["from_rate"].number();
    stage.to_rate = place["to_rate"].number();
    stage.figures.due = place["sent"].count();
    stage.figures.delivered = place["delivered"].count();
    stage.figures.timed = place["timed"].count();
    stage.figures.arrivals = place["arrivals"].count();
    stage.figures.latency = read_histogram(place["histogram"]);
    stage.figures.lag = read_histogram(place["lag_histogram"]);
    result.stages.push_back(std::move(stage));
  });
}

}  // namespace onehop::loadgen
