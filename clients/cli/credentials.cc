// See the header.
#include "cli/credentials.h"

#include "onehop/client_types.h"
#include "reactor/file_text.h"

namespace onehop::cli {

bool read_client_token(const std::string& path, std::string& token, std::string& error) {
  const reactor::FileText file = reactor::read_file(path, client::kTokenBytesMax + 2);
  if (!file.text) {
    error = "cannot read the token in " + path + ": " + file.error;
    return false;
  }
  token = file.text->substr(0, file.text->find('\n'));
  if (token.ends_with('\r')) token.pop_back();
  if (!token.empty() && token.size() <= client::kTokenBytesMax) return true;
  error = path + " holds no token in its first line";
  return false;
}

}  // namespace onehop::cli
