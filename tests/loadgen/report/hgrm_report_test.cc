// Tests of the percentile distribution: it has the form of HdrHistogram's tools and the values of the histogram.
#include <gtest/gtest.h>

#include <cstdio>
#include <sstream>
#include <vector>

#include "loadgen/report/report.h"

namespace onehop::loadgen {
namespace {

struct Row {
  double value = 0, percentile = 0, inverse = 0;
  unsigned long count = 0;
  int fields = 0;
};

std::vector<Row> rows_of(const std::string& text) {
  std::istringstream lines(text);
  std::vector<Row> rows;
  for (std::string line; std::getline(lines, line);) {
    Row row;
    row.fields = std::sscanf(line.c_str(), "%lf %lf %lu %lf", &row.value, &row.percentile, &row.count, &row.inverse);
    if (row.fields >= 3) rows.push_back(row);
  }
  return rows;
}

Histogram up_to_100_ms() {
  Histogram histogram;
  for (uint64_t i = 1; i <= 10'000; ++i) histogram.record(i * 10'000);
  return histogram;
}

TEST(HgrmReport, HasTheHeadAndTheFooterThatPlottersLookFor) {
  const std::string text = to_hgrm(up_to_100_ms());
  EXPECT_EQ(text.rfind("       Value     Percentile TotalCount 1/(1-Percentile)\n\n", 0), 0u) << text.substr(0, 80);
  EXPECT_NE(text.find("\n#[Mean    =    50.005000, StdDeviation   =    28.86"), std::string::npos) << text;
  EXPECT_NE(text.find("\n#[Max     =   100.000000, Total count    =        10000]\n"), std::string::npos) << text;
  EXPECT_NE(text.find("\n#[Buckets = "), std::string::npos) << text;
}

TEST(HgrmReport, ValuesArePercentilesInMilliseconds) {
  const std::vector<Row> rows = rows_of(to_hgrm(up_to_100_ms()));
  ASSERT_GT(rows.size(), 40u);
  double before = -1;
  for (const Row& row : rows) {
    EXPECT_GE(row.percentile, before);
    before = row.percentile;
    // At least this part of the values is not above the row's value, and the next lower bucket holds less.
    EXPECT_GE(static_cast<double>(row.count) / 10'000, row.percentile - 1e-12);
    EXPECT_NEAR(row.value, static_cast<double>(row.count) / 100, 0.11) << row.percentile;
    if (row.fields == 4) {
      EXPECT_NEAR(row.inverse, 1 / (1 - row.percentile), 0.01 + 1e-6 * row.inverse);
    }
  }
}

TEST(HgrmReport, FiveTicksForEachHalving) {
  const std::vector<Row> rows = rows_of(to_hgrm(up_to_100_ms()));
  const std::vector<double> first = {0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.775};
  ASSERT_GT(rows.size(), first.size());
  for (size_t i = 0; i < first.size(); ++i) EXPECT_NEAR(rows[i].percentile, first[i], 1e-9);
}

TEST(HgrmReport, EndsWithTheMaximumAtOne) {
  const Row last = rows_of(to_hgrm(up_to_100_ms())).back();
  EXPECT_EQ(last.fields, 3);
  EXPECT_EQ(last.value, 100);
  EXPECT_EQ(last.percentile, 1);
  EXPECT_EQ(last.count, 10'000u);
}

TEST(HgrmReport, OneValueAndNone) {
  Histogram one;
  one.record(1'500'000);
  const std::vector<Row> rows = rows_of(to_hgrm(one));
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].value, 1.5);
  EXPECT_EQ(rows[1].value, 1.5);
  EXPECT_TRUE(rows_of(to_hgrm(Histogram())).empty());
  EXPECT_NE(to_hgrm(Histogram()).find("Total count    =            0]"), std::string::npos);
}

}  // namespace
}  // namespace onehop::loadgen
