// The JSON type of all files that the program reads and writes. Only the files that make or read JSON include this.
#pragma once

#include <nlohmann/json.hpp>

namespace onehop::loadgen {

// It keeps the order of the keys, since people read these files too.
using Json = nlohmann::ordered_json;

}  // namespace onehop::loadgen
