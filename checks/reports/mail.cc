#include "checks/reports/read.h"

#include <gmime/gmime.h>

#include <algorithm>
#include <memory>
#include <mutex>

#include "checks/facts/text.h"

namespace stswatch::reports {
namespace {

struct Unref {
  void operator()(void* object) const { g_object_unref(object); }
};
template <class T>
using Owned = std::unique_ptr<T, Unref>;

struct FreeOptions {
  void operator()(GMimeParserOptions* options) const { g_mime_parser_options_free(options); }
};

void set_up_once() {
  static std::once_flag once;
  std::call_once(once, [] { g_mime_init(); });
}

std::string text_or_empty(const char* s) { return s == nullptr ? std::string() : std::string(s); }

std::string header_of(GMimeMessage* message, const char* name) {
  auto value = text_or_empty(g_mime_object_get_header(GMIME_OBJECT(message), name));
  std::erase_if(value, [](char c) { return c == '\r' || c == '\n'; });
  return text::lower(text::trim(value));
}

std::string from_domain_of(GMimeMessage* message) {
  auto* list = g_mime_message_get_from(message);
  if (list == nullptr || internet_address_list_length(list) != 1) return {};
  auto* address = internet_address_list_get_address(list, 0);
  if (!INTERNET_ADDRESS_IS_MAILBOX(address)) return {};
  const auto mailbox = text_or_empty(internet_address_mailbox_get_addr(INTERNET_ADDRESS_MAILBOX(address)));
  const auto at = mailbox.rfind('@');
  return at == mailbox.npos ? std::string() : text::lower(mailbox.substr(at + 1));
}

MailFacts facts_of(GMimeMessage* message, std::string_view authserv_id) {
  MailFacts out;
  out.from_domain = from_domain_of(message);
  out.submitter = header_of(message, "TLS-Report-Submitter");
  out.report_domain = header_of(message, "TLS-Report-Domain");
  if (authserv_id.empty()) return out;
  auto* headers = g_mime_object_get_header_list(GMIME_OBJECT(message));
  for (int i = 0; i < g_mime_header_list_get_count(headers); ++i) {
    auto* header = g_mime_header_list_get_header_at(headers, i);
    if (!text::iequals(text_or_empty(g_mime_header_get_name(header)), "Authentication-Results")) continue;
    auto results =
        read_authentication_results(text_or_empty(g_mime_header_get_raw_value(header)), authserv_id);
    out.verified_here |= results.ours;
    std::ranges::move(results.signers, std::back_inserter(out.signers));
  }
  return out;
}

/// How sure it is that a part is the report: by its type (RFC 8460 §5.3, §6.4), by the types that gateways
/// write instead, by its name. 0: it is none.
int likelihood(const std::string& type, const std::string& name) {
  if (type == "application/tlsrpt+gzip" || type == "application/tlsrpt+json") return 3;
  const auto named = [&](std::string_view end) { return name.ends_with(end); };
  if (named(".json.gz") || named(".json") || named(".json.zip")) return 2;
  for (const std::string_view packed : {"application/gzip", "application/x-gzip", "application/json",
                                        "application/zip", "application/x-zip-compressed"})
    if (type == packed) return 1;
  return named(".gz") || named(".zip") ? 1 : 0;
}

std::string decoded(GMimePart* part) {
  auto* content = g_mime_part_get_content(part);
  if (content == nullptr) return {};
  const Owned<GMimeStream> memory(g_mime_stream_mem_new());
  if (g_mime_data_wrapper_write_to_stream(content, memory.get()) < 0) return {};
  const auto* octets = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(memory.get()));
  return {reinterpret_cast<const char*>(octets->data), octets->len};
}

/// Walks the parts of a message and of those that were forwarded in it, within the bounds.
class Walk {
 public:
  struct Found {
    int likelihood;
    ReportPart part;
  };

  void message(GMimeMessage* message, std::size_t depth) {
    if (auto* top = g_mime_message_get_mime_part(message)) object(top, depth);
  }
  std::vector<Found> found{};

 private:
  void object(GMimeObject* o, std::size_t depth) {
    if (++parts_ > kMailParts || depth > kMailNesting) return;
    if (GMIME_IS_MULTIPART(o)) {
      const int count = g_mime_multipart_get_count(GMIME_MULTIPART(o));
      for (int i = 0; i < count && parts_ <= kMailParts; ++i)
        object(g_mime_multipart_get_part(GMIME_MULTIPART(o), i), depth + 1);
    } else if (GMIME_IS_MESSAGE_PART(o)) {
      if (auto* inner = g_mime_message_part_get_message(GMIME_MESSAGE_PART(o))) message(inner, depth + 1);
    } else if (GMIME_IS_PART(o)) {
      part(GMIME_PART(o));
    }
  }

  void part(GMimePart* p) {
    auto* type = g_mime_object_get_content_type(GMIME_OBJECT(p));
    char* word = type == nullptr ? nullptr : g_mime_content_type_get_mime_type(type);
    const auto told = text::lower(text_or_empty(word));
    g_free(word);
    auto name = text::lower(text_or_empty(g_mime_part_get_filename(p)));
    const int sure = likelihood(told, name);
    if (sure > 0) found.push_back({sure, {decoded(p), std::move(name)}});
  }

  std::size_t parts_ = 0;
};

Owned<GMimeMessage> parsed(std::string_view octets) {
  const Owned<GMimeStream> memory(g_mime_stream_mem_new_with_buffer(octets.data(), octets.size()));
  const Owned<GMimeParser> parser(g_mime_parser_new_with_stream(memory.get()));
  const std::unique_ptr<GMimeParserOptions, FreeOptions> options(g_mime_parser_options_new());
  return Owned<GMimeMessage>(g_mime_parser_construct_message(parser.get(), options.get()));
}

}  // namespace

bool is_mail(std::string_view octets) {
  const auto line = octets.substr(0, octets.find('\n'));
  if (line.starts_with("From ")) return true;  // as mbox writes it
  const auto colon = line.find(':');
  constexpr std::size_t kName = 100;
  if (colon == line.npos || colon == 0 || colon > kName) return false;
  return std::ranges::all_of(line.substr(0, colon),
                             [](char c) { return text::is_alnum(c) || c == '-' || c == '_'; });
}

tl::expected<MailReading, std::string> read_mail(std::string_view octets, std::string_view authserv_id) {
  if (octets.size() > kPacked) return tl::make_unexpected(std::string("this message is too large"));
  set_up_once();
  const auto message = parsed(octets);
  if (!message) return tl::make_unexpected(std::string("no mail message"));
  MailReading out;
  out.facts = facts_of(message.get(), authserv_id);
  Walk walk;
  walk.message(message.get(), 0);
  std::ranges::stable_sort(walk.found, std::greater(), &Walk::Found::likelihood);
  for (auto& each : walk.found)
    out.reports.push_back(std::move(each.part));
  return out;
}

// Authentication-Results: RFC 8601 §2.2, as far as DKIM goes.

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
