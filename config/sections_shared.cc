#include "config/sections_shared.h"

#include <sys/stat.h>

#include <algorithm>
#include <string_view>

#include "checks/facts/result.h"
#include "checks/facts/text.h"
#include "checks/facts/web_url.h"

namespace stswatch::sections {

std::string complain_of_url(const std::string& text) {
  const auto fault = url_fault(text);
  if (fault.empty()) return {};
  // No more of it than its scheme: what follows may be a password or a token.
  const auto shown = text.substr(0, text.find_first_of(":/?#@"));
  return "\"" + printable(shown, 60) + (shown.size() < text.size() ? "...\" " : "\" ") + fault;
}

std::string read_name_glob(const std::string& text, std::string& into) {
  if (text.empty()) return "a name or a glob such as \"*.example.com\" is due";
  const auto glob = name_glob(text);
  into = glob.value_or(text);
  if (!glob)
    return text::quoted_as_typed(text) +
           " is no glob of names: a label that is not ASCII stands as a whole, or as its A-label";
  const bool plain = std::ranges::all_of(into, [](char c) {
    return text::is_alnum(c) || std::string_view("-.*?").find(c) != std::string_view::npos;
  });
  if (plain && !into.starts_with('.') && !into.ends_with('.') && into.find("..") == into.npos) return {};
  return text::quoted_as_typed(text) + " fits no domain; write \"example.com\", \"*.example.com\" or \"*\"";
}

std::string complain_of_secret_file(const std::string& path, bool shared) {
  struct stat s {};
  if (shared || path.empty() || ::stat(path.c_str(), &s) != 0 || (s.st_mode & 07) == 0) return {};
  return "everybody may read this secret: chmod o= " + path +
         ", or set agent.shared_secret_files = true where that is as it should be";
}

void read_secret_file(TableReader& r, std::string_view key, std::string& into, bool shared) {
  r.read_checked(key, [&](const std::string& text) {
    into = beside(r.file(), text);
    return complain_of_secret_file(into, shared);
  });
}

void read_url(TableReader& r, std::string_view key, std::string& into) {
  r.read_checked(key, [&](const std::string& text) {
    into = text;
    return complain_of_url(text);
  });
}

}  // namespace stswatch::sections
