// The parts of the HTML report. Invariant: text from a run, a server or a file enters the page only through escaped()
// or as a number.
#pragma once

#include <string>
#include <string_view>

#include "loadgen/measure/result.h"

namespace onehop::loadgen {

// The contents of the files report_page.css, report_chart.js and report_page.js.
struct PageParts {
  std::string_view style, chart_script, page_script;
};
extern const PageParts kPageParts;

// The data of the charts: a JSON object of numbers, whose keys come from this program alone.
std::string chart_data(const RunResult& result);

}  // namespace onehop::loadgen
