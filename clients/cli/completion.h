// Completion scripts for shells, and the table of commands that they are made from.
#pragma once

#include <string>
#include <vector>

namespace onehop::cli {

struct CommandEntry {
  struct Option {
    // "-o", "--output".
    std::vector<std::string> names;
    // The first sentence of its help.
    std::string what;
    bool takes_value = false;
    // The values it may have, if those are few.
    std::vector<std::string> values;
  };
  std::string name;
  std::string what;
  std::vector<Option> options;
};

// To be read by the shell: eval "$(onehop completion bash)".
std::string bash_completion(const std::vector<CommandEntry>& commands);
// As a file of its own named _onehop in $fpath, or read by the shell as above.
std::string zsh_completion(const std::vector<CommandEntry>& commands);

}  // namespace onehop::cli
