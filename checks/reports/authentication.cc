// Authentication-Results: RFC 8601 §2.2, as far as DKIM goes.
#include <algorithm>

#include "checks/facts/text.h"
#include "checks/reports/read.h"

namespace stswatch::reports {
namespace {

/// Comments go (they may be nested, RFC 5322 §3.2.2), quotes are undone, blanks become one.
std::string plain(std::string_view value) {
  std::string out;
  std::size_t comments = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const char c = value[i];
    if (c == '\\' && (quoted || comments > 0)) {
      if (++i < value.size() && comments == 0) out += value[i];
    } else if (quoted) {
      if (c == '"')
        quoted = false;
      else
        out += c == ';' ? '?' : c;  // it would end what it is only a part of
    } else if (c == '(') {
      ++comments;
    } else if (c == ')' && comments > 0) {
      --comments;
    } else if (comments > 0) {
      continue;
    } else if (c == '"') {
      quoted = true;
    } else {
      out += c == '\r' || c == '\n' || c == '\t' ? ' ' : c;
    }
  }
  return out;
}

std::vector<std::string> words_of(std::string_view s) {
  std::vector<std::string> out;
  std::size_t at = 0;
  while (at < s.size()) {
    const auto end = std::min(s.find(' ', at), s.size());
    if (end > at) out.push_back(text::lower(s.substr(at, end - at)));
    at = end + 1;
  }
  return out;
}

/// "dkim=pass header.d=example.com": the domain; empty for any other method or result.
std::string good_signer(const std::vector<std::string>& words) {
  if (words.empty() || words.front() != "dkim=pass") return {};
  std::string identity;
  for (const auto& word : words) {
    if (word.starts_with("header.d=")) return word.substr(9);
    if (word.starts_with("header.i="))
      identity = word.substr(word.find('@') == word.npos ? 9 : word.find('@') + 1);
  }
  return identity;
}

bool covers(std::string_view parent, std::string_view name) {
  if (parent == name) return true;
  return parent.find('.') != parent.npos && name.size() > parent.size() && name.ends_with(parent) &&
         name[name.size() - parent.size() - 1] == '.';
}

}  // namespace

AuthenticationResults read_authentication_results(std::string_view value, std::string_view authserv_id) {
  AuthenticationResults out;
  const auto all = plain(value);
  std::string_view rest = all;
  bool first = true;
  while (true) {
    const auto end = rest.find(';');
    const auto words = words_of(rest.substr(0, end));
    if (first) {
      out.ours = !words.empty() && words.front() == text::lower(authserv_id);
      if (!out.ours) return out;
    } else if (auto signer = good_signer(words); !signer.empty()) {
      out.signers.push_back(std::move(signer));
    }
    first = false;
    if (end == rest.npos) return out;
    rest.remove_prefix(end + 1);
  }
}

bool MailFacts::authenticated() const {
  const auto fits = [](const std::string& signer, const std::string& name) {
    return !name.empty() && (covers(signer, name) || covers(name, signer));
  };
  return std::ranges::any_of(signers,
                             [&](const auto& s) { return fits(s, from_domain) || fits(s, submitter); });
}

}  // namespace stswatch::reports
