// What the HTML report is put together from. Invariant: nothing that comes from a run, a server or a file enters the
// page but through escaped() or as a number.
#pragma once

#include <string>
#include <string_view>

#include "loadgen/measure/result.h"

namespace onehop::loadgen {

// The files report_page.css, report_chart.js, report_page.js.
struct PageParts {
  std::string_view style, chart_script, page_script;
};
extern const PageParts kPageParts;

// What the charts are drawn from: a JSON object that holds numbers, and names of lines from this program alone.
std::string chart_data(const RunResult& result);

}  // namespace onehop::loadgen
