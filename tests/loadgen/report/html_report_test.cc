// Tests of the page as text: what it says, and that no foreign text gets into its markup. html_page_test.py tests how
// it looks in a browser.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "loadgen/report/foreign_text.h"
#include "loadgen/report/html.h"
#include "loadgen/report/report.h"
#include "sample_run.h"
#include "says.h"

namespace onehop::loadgen {
namespace {

size_t times(const std::string& text, const std::string& words) {
  size_t count = 0;
  for (size_t at = text.find(words); at != std::string::npos; at = text.find(words, at + 1)) ++count;
  return count;
}

TEST(HtmlReport, EscapesWhatCouldBeMarkup) {
  EXPECT_EQ(escaped("<a href=\"x\" title='y'>&</a>\n"),
            "&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;&amp;&lt;/a&gt;\\x0a");
}

TEST(HtmlReport, NothingForeignGetsIntoTheMarkup) {
  const std::string bad = "</script></title><script>alert(1)</script><img onerror='alert(1)' src=\"x\">";
  RunResult run = sample_run(1);
  run.version = run.target = run.server = bad;
  run.host = {bad, bad, bad, 1, 1};
  run.settings = {{bad, bad}, {"workload", bad}, {"clients", bad}};
  run.connections.last_problem = bad;
  run.reasons = {{bad, 1}};
  run.void_reasons = {bad};
  run.thresholds = {{bad, 1, false}};
  run.capacity = sample_capacity(1);
  run.capacity->slo = bad;
  for (CapacityStep& step : run.capacity->steps) step.why_not = bad;
  const std::string page = to_html(run);
  EXPECT_FALSE(says(page, "alert(1)</script>"));
  EXPECT_FALSE(says(page, "<img"));
  EXPECT_EQ(times(page, "</title>"), 1u);
  EXPECT_EQ(times(page, "<script"), 3u);
  EXPECT_EQ(times(page, "</script>"), 3u);
  EXPECT_TRUE(says(page, "&lt;img onerror=&#39;alert(1)&#39;"));
}

TEST(HtmlReport, NeedsNothingFromOutside) {
  const std::string page = to_html(sample_run(1));
  EXPECT_TRUE(says(page, "default-src 'none'"));
  for (const char* reference : {"<link", "@import", "url(", "src=", "fetch(", "XMLHttpRequest", "https://", "href="}) {
    EXPECT_FALSE(says(page, reference)) << reference;
  }
}

TEST(HtmlReport, BannersSayWhatIsWrong) {
  EXPECT_FALSE(says(to_html(sample_run(1)), "class=\"banner"));
  RunResult run = sample_run(1);
  run.void_reasons = {"a thread was busy"};
  EXPECT_TRUE(says(to_html(run), "<b>VOID: the generator was the limit.</b>"));
  EXPECT_TRUE(says(to_html(run), "<li>a thread was busy</li>"));
  run = sample_run(1);
  run.account.unexplained = 1;
  EXPECT_TRUE(says(to_html(run), "<b>FAILED:</b> 1 of 100,000 planned messages were not delivered: 1 UNEXPLAINED"));
  run = sample_run(1);
  run.thresholds[0].kept = false;
  EXPECT_TRUE(says(to_html(run), "<b>FAILED: not every threshold was kept.</b>"));
  run = sample_run(1);
  run.interrupted = true;
  EXPECT_TRUE(says(to_html(run), "<b>INTERRUPTED:</b> after 20.0 of 20.0 s"));
  run = sample_run(1);
  run.warnings = {"missing: part 2/2"};
  EXPECT_TRUE(says(to_html(run), "<b>DOUBTFUL:</b> missing: part 2/2"));
  run = sample_run(1);
  run.allowed.clear();
  EXPECT_TRUE(says(to_html(run), "<b>FAILED:</b> 15 of 100,000 planned messages were not delivered"));
  run = sample_run(1);
  run.open_loop = false;
  EXPECT_TRUE(says(to_html(run), "<b>Closed loop.</b>"));
}

TEST(HtmlReport, TheNumbersOfTheChartsAreJson) {
  RunResult run = sample_run(1);
  run.capacity = sample_capacity(1);
  run.series[3].latency.clear();
  run.series[4].at_s = 1 / 0.0;
  const nlohmann::json data = nlohmann::json::parse(chart_data(run));
  ASSERT_EQ(data["series"]["t"].size(), 20u);
  EXPECT_TRUE(data["series"]["p99"][3].is_null());
  EXPECT_TRUE(data["series"]["t"][4].is_null());
  EXPECT_EQ(data["series"]["max"][9], run.series[9].latency.max());
  EXPECT_EQ(data["series"]["inFlight"][9], run.series[9].in_flight);
  // x = 2 is the 99th percentile.
  EXPECT_EQ(data["spectra"]["x"][80], 2.0);
  EXPECT_EQ(data["spectra"]["latency"][80], run.latency.quantile(0.99));
  // 15 of 100,000 messages never came, so the line ends before 99.99 %.
  EXPECT_FALSE(data["spectra"]["latency"][150].is_null());
  EXPECT_TRUE(data["spectra"]["latency"][160].is_null());
  // 100 connects have no 99.9th percentile.
  EXPECT_FALSE(data["spectra"]["connect"][80].is_null());
  EXPECT_TRUE(data["spectra"]["connect"][120].is_null());
  EXPECT_EQ(data["capacity"]["knee"], 60'000);
  EXPECT_EQ(data["capacity"]["rate"][0], 10'000);
  EXPECT_EQ(data["capacity"]["rate"][7], 80'000);
  EXPECT_EQ(data["capacity"]["held"][7], false);
  EXPECT_TRUE(nlohmann::json::parse(chart_data(RunResult()))["capacity"].is_null());
}

TEST(HtmlReport, SectionsAreThereWhenThereIsSomethingInThem) {
  const std::string empty = to_html(RunResult());
  EXPECT_FALSE(says(empty, "data-chart="));
  RunResult run = sample_run(1);
  EXPECT_FALSE(says(to_html(run), "data-chart=\"capacity-rate\""));
  run.capacity = sample_capacity(1);
  for (const char* chart :
       {"capacity-latency", "capacity-rate", "spectrum", "other-spectrum", "rate", "latency", "in-flight", "lag"}) {
    EXPECT_EQ(times(to_html(run), "data-chart=\"" + std::string(chart) + "\""), 1u) << chart;
  }
}

}  // namespace
}  // namespace onehop::loadgen
