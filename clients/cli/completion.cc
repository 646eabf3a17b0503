// See the header. Names are plain words; descriptions are quoted for the shell.
#include "cli/completion.h"

#include <string_view>

namespace onehop::cli {
namespace {

std::string joined(const std::vector<std::string>& words, std::string_view between) {
  std::string out;
  for (const std::string& word : words) {
    if (!out.empty()) out += between;
    out += word;
  }
  return out;
}

// For a place between single quotes in a specification of zsh's.
std::string for_zsh(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else if (c == ':' || c == '[' || c == ']' || c == '\\') {
      out.append("\\") += c;
    } else {
      out += c;
    }
  }
  return out;
}

// The values of the option before the cursor, as branches of a case.
std::string bash_values(const CommandEntry& command) {
  std::string out;
  for (const CommandEntry::Option& option : command.options) {
    if (!option.takes_value) continue;
    const std::string words = option.values.empty() ? "return" : "words='" + joined(option.values, " ") + "'";
    out +=
        "        " + command.name + "\\ " + joined(option.names, "|" + command.name + "\\ ") + ") " + words + " ;;\n";
  }
  return out;
}

std::string zsh_option(const CommandEntry::Option& option) {
  std::string out;
  for (const std::string& name : option.names) {
    out += " \\\n        '" + name + "[" + for_zsh(option.what) + "]";
    if (option.takes_value) {
      out += ":value:";
      out += option.values.empty() ? "_files" : "(" + joined(option.values, " ") + ")";
    }
    out += "'";
  }
  return out;
}

}  // namespace

// Where an option's value is wanted that is not one of a few, the shell's own completion of files takes over.
std::string bash_completion(const std::vector<CommandEntry>& commands) {
  std::vector<std::string> names;
  std::string values;
  std::string options;
  for (const CommandEntry& command : commands) {
    names.push_back(command.name);
    values += bash_values(command);
    std::vector<std::string> words;
    for (const CommandEntry::Option& option : command.options) words.push_back(joined(option.names, " "));
    options += "        " + command.name + ") words='" + joined(words, " ") + "' ;;\n";
  }
  const std::string all = joined(names, " ");
  return R"(_onehop() {
    local current=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]} words=
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ] || { [ "$COMP_CWORD" -eq 2 ] && [ "$command" = help ]; }; then
        COMPREPLY=($(compgen -W ')" +
         all + R"( --help --version' -- "$current"))
        return
    fi
    case "$command ${COMP_WORDS[COMP_CWORD-1]}" in
)" + values +
         R"(        *) case $command in
)" + options +
         R"(        esac ;;
    esac
    COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _onehop onehop
)";
}

std::string zsh_completion(const std::vector<CommandEntry>& commands) {
  std::string names;
  std::string options;
  for (const CommandEntry& command : commands) {
    names += " \\\n        '" + command.name + ":" + for_zsh(command.what) + "'";
    options += "      " + command.name + ") _arguments";
    for (const CommandEntry::Option& option : command.options) options += zsh_option(option);
    options += " '*:argument:_files' ;;\n";
  }
  return "#compdef onehop\n_onehop() {\n  if (( CURRENT == 2 )); then\n    local -a commands=(" + names +
         ")\n    _describe command commands\n    return\n  fi\n  local command=$words[2]\n  shift words\n" +
         "  (( CURRENT-- ))\n  case $command in\n" + options + "  esac\n}\ncompdef _onehop onehop\n";
}

}  // namespace onehop::cli
