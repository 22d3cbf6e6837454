#include "config/sections_shared.h"

#include <sys/stat.h>

#include "checks/facts/result.h"
#include "checks/facts/web_url.h"

namespace stswatch::sections {

std::string complain_of_url(const std::string& text) {
  const auto fault = url_fault(text);
  if (fault.empty()) return {};
  // No more of it than its scheme: what follows may be a password or a token.
  const auto shown = text.substr(0, text.find_first_of(":/?#@"));
  return "\"" + printable(shown, 60) + (shown.size() < text.size() ? "...\" " : "\" ") + fault;
}

std::string complain_of_secret_file(const std::string& path, bool shared) {
  struct stat s {};
  if (shared || path.empty() || ::stat(path.c_str(), &s) != 0 || (s.st_mode & 07) == 0) return {};
  return "everybody may read this secret: chmod o= " + path +
         ", or set agent.shared_secret_files = true where that is as it should be";
}

void read_secret_file(TableReader& r, std::string_view key, std::string& into, bool shared) {
  r.read_checked(key, [&](const std::string& text) {
    into = text;
    return complain_of_secret_file(text, shared);
  });
}

void read_url(TableReader& r, std::string_view key, std::string& into) {
  r.read_checked(key, [&](const std::string& text) {
    into = text;
    return complain_of_url(text);
  });
}

}  // namespace stswatch::sections
