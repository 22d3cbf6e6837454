// Group B: fetching the policy over HTTPS (RFC 8461 §3.3), up to the bytes of the body.

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <set>

#include "checks/facts/bounds.h"
#include "checks/facts/text.h"
#include "checks/judge/catalogue/finding.h"
#include "checks/judge/classify.h"
#include "checks/judge/rules/rules.h"

namespace stswatch {
namespace {

using namespace std::chrono_literals;

constexpr Millis kVerySlow = 4s;                               // RULES 0.4: postfix-mta-sts-resolver gives up
constexpr std::uint64_t kStaleAge = 300, kLongCaching = 3600;  // RULES 3.2, sts-policy-cdn-stale

std::string_view code_of(FetchEnd end) {
  switch (end) {
    case FetchEnd::no_connect:
      return "sts-policy-connect-failed";
    case FetchEnd::stalled:
      return "sts-policy-fetch-timeout";
    case FetchEnd::no_http:
      return "sts-policy-http-invalid";
    case FetchEnd::status:
      return "sts-policy-http-status";
    case FetchEnd::redirect:
      return "sts-policy-http-redirect";
    case FetchEnd::too_large:
      return "sts-policy-too-large";
    case FetchEnd::encoded:
    case FetchEnd::truncated:
      return "sts-policy-body-truncated";
    default:
      return {};  // nothing to say, or group C says it
  }
}

/// "text/plain" and the parameters of a Content-Type.
struct MediaType {
  std::string type;
  std::string charset;
};

MediaType media_type(std::string_view field) {
  MediaType out;
  const auto next = [&field] {
    const auto semicolon = field.find(';');
    const auto part = text::trim(field.substr(0, semicolon));
    field = semicolon == field.npos ? std::string_view() : field.substr(semicolon + 1);
    return part;
  };
  out.type = text::lower(next());
  while (!field.empty()) {
    std::string_view parameter = next();
    if (!text::istarts_with(parameter, "charset=")) continue;
    parameter = text::trim(parameter.substr(parameter.find('=') + 1));
    if (parameter.size() >= 2 && parameter.front() == '"' && parameter.back() == '"')
      parameter = parameter.substr(1, parameter.size() - 2);
    out.charset = text::lower(parameter);
  }
  return out;
}

/// Python's codec of this name decodes ASCII as ASCII: the families that web servers are set to.
bool is_python_charset(std::string_view name) {
  constexpr std::array<std::string_view, 10> kFamilies = {
      "iso-8859-", "iso8859-", "iso_8859-", "windows-125", "cp125", "latin", "koi8-", "euc-", "gb", "big5"};
  constexpr std::array<std::string_view, 4> kNames = {"ascii", "utf8", "shift_jis", "utf_8"};
  return std::ranges::find(kNames, name) != kNames.end() ||
         std::ranges::any_of(kFamilies, [&](std::string_view family) { return name.starts_with(family); });
}

std::optional<std::uint64_t> number(std::string_view digits) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end == digits.data()) return std::nullopt;
  return value;
}

/// For how long a cache between us and the file may keep it: s-maxage is for shared ones, else max-age.
std::uint64_t shared_caching(std::string_view field) {
  std::optional<std::uint64_t> shared, any;
  while (!field.empty()) {
    const auto comma = field.find(',');
    const auto directive = text::trim(field.substr(0, comma));
    if (text::istarts_with(directive, "s-maxage=")) shared = number(directive.substr(9));
    if (text::istarts_with(directive, "max-age=")) any = number(directive.substr(8));
    if (text::iequals(directive, "no-store") || text::iequals(directive, "no-cache") ||
        text::iequals(directive, "private"))
      shared = 0;
    field = comma == field.npos ? std::string_view() : field.substr(comma + 1);
  }
  return shared.value_or(any.value_or(0));
}

class FetchJudge {
 public:
  FetchJudge(const Case& c, std::vector<CopyFault>& out) : c_(c), out_(out) {}

  void judge(const PolicyCopy& copy) {
    copy_ = &copy;
    const PolicyFetch& fetch = *copy.fetch;
    const FetchEnd end = end_of(fetch, c_.vantage);
    if (const auto code = code_of(end); !code.empty())
      raise(code, copy.detail, std::nullopt, oddities_of(end));
    if (fetch.failure || fetch.status != 200 || end == FetchEnd::certificate) return;
    judge_type(fetch);
    judge_framing(fetch, end);
    judge_size(fetch, end);
    judge_time(fetch);
    judge_caching(fetch);
  }

 private:
  void raise(std::string_view code, std::string detail, std::optional<Severity> severity = std::nullopt,
             std::vector<Oddity> oddities = {}) {
    out_.push_back({code, copy_, std::move(detail), severity, std::move(oddities)});
  }

  std::vector<Oddity> oddities_of(FetchEnd end) const {
    const PolicyFetch& fetch = *copy_->fetch;
    // RFC 9110 §15.3.5: a 204 has no body that anybody could read.
    if (end == FetchEnd::status && fetch.status / 100 == 2 && fetch.status != 204)
      return {Oddity::success_but_200};
    if (end == FetchEnd::too_large && small_reader(fetch) == Oddity::cut_at_10_k)
      return {Oddity::none, Oddity::cut_at_10_k};
    return {};
  }

  /// What a reader that cuts at 10 KiB without a word makes of the text: the policy, or another one.
  static Oddity small_reader(const PolicyFetch& fetch) {
    const auto head = read_policy(std::string_view(fetch.body).substr(0, bounds::kPolicyBodySmallReader));
    const auto whole = read_policy(fetch.body);
    const bool same = head.lenient && whole.lenient && same_policy(*head.lenient, *whole.lenient);
    return same ? Oddity::read_at_10_k : Oddity::cut_at_10_k;
  }

  /// RFC 8461 §3.2: "senders SHOULD validate that the media type is "text/plain""; parameters other than
  /// charset are ignored.
  void judge_type(const PolicyFetch& fetch) {
    // Who does not look at the type finds no policy either.
    const bool policy = copy_->reading && copy_->reading->applied();
    const std::vector<Oddity> oddities{policy ? Oddity::none : Oddity::not_a_policy};
    if (!fetch.content_type)
      return raise("sts-policy-content-type", "no Content-Type", std::nullopt, oddities);
    const MediaType media = media_type(*fetch.content_type);
    if (media.type != "text/plain")
      return raise("sts-policy-content-type", "Content-Type " + text::quoted(*fetch.content_type),
                   std::nullopt, oddities);
    if (!media.charset.empty() && media.charset != "utf-8" && media.charset != "us-ascii")
      raise("sts-policy-charset", "Content-Type " + text::quoted(*fetch.content_type), std::nullopt,
            {is_python_charset(media.charset) ? Oddity::none : Oddity::charset_unknown});
    // What is compressed or cut off is no text.
    if (copy_->reading && (media.charset.empty() || media.charset == "us-ascii")) judge_ascii(fetch);
  }

  /// RFC 8461 §3.2 has the file in UTF-8; a reader that goes by the media type alone takes it for ASCII (RFC
  /// 2046 §4.1.2), and what is none for no text. A byte order mark, a host name in Unicode and octets outside
  /// UTF-8 have findings of their own.
  void judge_ascii(const PolicyFetch& fetch) {
    std::string_view rest = fetch.body;
    if (rest.starts_with("\xEF\xBB\xBF")) rest.remove_prefix(3);
    for (int number = 1; !rest.empty(); ++number) {
      const std::string_view line = rest.substr(0, rest.find('\n'));
      const auto odd = std::ranges::find_if_not(line, text::is_ascii);
      if (odd != line.end() && !line.starts_with("mx:") && text::is_utf8(line))
        return raise("sts-policy-non-ascii", "line " + std::to_string(number) + ": " + text::octet(*odd) +
                                                 ", and Content-Type " + text::quoted(*fetch.content_type));
      rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    }
  }

  /// What some deployed senders refuse and others read: read here too, and told.
  void judge_framing(const PolicyFetch& fetch, FetchEnd end) {
    if (fetch.decoded)
      raise("sts-policy-encoded",
            "Content-Encoding " + text::quoted(*fetch.content_encoding) + ", which was not asked for",
            std::nullopt,
            {text::iequals(*fetch.content_encoding, "deflate") ? Oddity::deflate : Oddity::none});
    if (fetch.length_and_chunked)
      raise("sts-policy-framing", "Content-Length beside Transfer-Encoding: chunked");
    if (fetch.end_unproven && end == FetchEnd::complete)
      raise("sts-policy-end-unproven",
            "no length, and the connection closed without TLS close_notify after " +
                std::to_string(fetch.body.size()) + " octets");
  }

  void judge_size(const PolicyFetch& fetch, FetchEnd end) {
    if (end != FetchEnd::complete || fetch.body.size() <= bounds::kPolicyBodySmallReader) return;
    raise("sts-policy-too-large",
          std::to_string(fetch.body.size()) + " octets: chasquid reads " +
              std::to_string(bounds::kPolicyBodySmallReader),
          Severity::info, {small_reader(fetch)});
  }

  void judge_time(const PolicyFetch& fetch) {
    if (c_.history.past && !c_.history.past->fetches.empty()) return;  // many looks say more than one
    if (fetch.duration <= kSlowFetch) return;
    const bool very = fetch.duration > kVerySlow;
    raise("sts-policy-fetch-slow",
          "the fetch took " + std::to_string(fetch.duration.count()) + " ms, more than " +
              (very ? "4 s" : "2 s"),
          very ? std::nullopt : std::optional(Severity::info), {very ? Oddity::over_4_s : Oddity::over_2_s});
  }

  /// RFC 8461 §3.3: "HTTP caching (as specified in [RFC7234]) MUST NOT be used"; §8.2 suggests a minute for
  /// proxies.
  void judge_caching(const PolicyFetch& fetch) {
    std::string seen;
    if (fetch.age && number(*fetch.age).value_or(0) > kStaleAge) seen = "Age " + text::quoted(*fetch.age, 20);
    if (fetch.cache_control && shared_caching(*fetch.cache_control) > kLongCaching)
      text::add(seen, ", ", "Cache-Control " + text::quoted(*fetch.cache_control));
    // How long a copy has lain there is a remark; that it may lie for hours is asked for by the host itself.
    const bool only_age = seen.starts_with("Age ") && seen.find("Cache-Control") == seen.npos;
    if (!seen.empty())
      raise("sts-policy-cdn-stale", seen, only_age ? std::optional(Severity::info) : std::nullopt);
  }

  const Case& c_;
  const PolicyCopy* copy_ = nullptr;
  std::vector<CopyFault>& out_;
};

void judge_addresses(const Case& c, Findings& out) {
  const HostAddresses& host = c.facts.policy_host;
  if (host.lookup() != Lookup::absent) return;
  // RULES 3.2 B: where no record leads there nobody looks for it but who still holds a policy, and would
  // renew it.
  const SeenPolicy* last = c.history.past ? last_served(*c.history.past) : nullptr;
  const bool wanted = c.record.announced() || (last && last->policy.mode != Mode::none);
  if (c.facts.sts.lookup != Lookup::unknown && !wanted) return;
  const bool nxdomain = host.a.nxdomain || host.aaaa.nxdomain;
  std::string detail = nxdomain ? "NXDOMAIN" : "neither A nor AAAA";
  for (const CnameLink& link : host.cname())
    detail += " -> " + link.target;
  Finding* finding =
      out.raise("sts-policy-host-no-address", c.facts.domain.policy_host(), in_detail(c, detail));
  // That the record is gone too is one cause, which sts-txt-missing tells.
  if (finding != nullptr) finding->part = c.facts.sts.lookup == Lookup::absent && !c.announced;
  if (!host.cname().empty())
    say_for(Situation::dangling_alias, c.facts.domain, c.now, finding,
            {{"value", host.cname().back().target}});
}

/// What one address serves, as far as the addresses can differ in it; empty where nothing was learnt. One
/// that is merely down serves nothing else: the precise code says so.
std::string served_by(const PolicyCopy& copy) {
  const PolicyFetch& fetch = *copy.fetch;
  if (fetch.tls.peer && !fetch.tls.peer->good()) return "a bad certificate";
  if (fetch.status == 0 || (fetch.failure && fetch.status == 200)) return {};
  if (fetch.status != 200) return "status " + std::to_string(fetch.status);
  if (const Policy* policy = copy.reading ? copy.reading->applied() : nullptr) {
    const std::set<std::string> distinct(policy->mx.begin(), policy->mx.end());
    return std::string(to_string(policy->mode)) + ", max_age " + std::to_string(policy->max_age) + ", mx " +
           (distinct.empty() ? "none" : pattern_list({distinct.begin(), distinct.end()}));
  }
  return fetch.sha256.empty() ? std::string() : "no policy, body " + fetch.sha256.substr(0, 12);
}

using Kinds = std::map<std::string, std::vector<const PolicyCopy*>>;

/// Some of the copies is in enforce and does not list a host of today: who drew it loses that host. What
/// differs in its words only, in max_age or mode, costs no mail.
bool excludes_hosts(const Case& c, const Kinds& kinds) {
  return std::ranges::any_of(kinds, [&](const auto& kind) {
    const auto& reading = kind.second.front()->reading;
    const Policy* policy = reading ? reading->applied() : nullptr;
    return policy && policy->mode == Mode::enforce &&
           std::ranges::any_of(c.mx, [&](const MxCase& mx) { return !matches_any(mx.host, policy->mx); });
  });
}

/// How right a kind seems: what is no policy least, then by the hosts that it lists.
std::ptrdiff_t rightness(const Case& c, const std::vector<const PolicyCopy*>& copies) {
  const auto& reading = copies.front()->reading;
  const Policy* policy = reading ? reading->applied() : nullptr;
  return policy ? hosts_listed(c, *policy) : -1;
}

/// RFC 8461 §8.1: what a sender caches depends on the address that it happens to ask. The copy that lists
/// most of the MX hosts is the norm, of such the one that most addresses serve: the others are named.
void judge_agreement(const Case& c, Findings& out) {
  Kinds kinds;
  for (const PolicyCopy& copy : c.copies) {
    const std::string served = served_by(copy);
    if (!served.empty()) kinds[served].push_back(&copy);
  }
  if (kinds.size() < 2) return;
  const auto rank = [&](const auto& kind) {
    return std::pair{rightness(c, kind.second), kind.second.size()};
  };
  const auto norm = std::ranges::max_element(kinds, {}, rank);
  const bool tie =
      std::ranges::count_if(kinds, [&](const auto& kind) { return rank(kind) == rank(*norm); }) > 1;
  std::string detail;
  std::optional<std::uint64_t> longest;  // that an odd copy is kept
  for (const auto& [served, copies] : kinds) {
    if (!tie && served == norm->first) continue;
    for (const PolicyCopy* copy : copies)
      text::add(detail, "; ", copy->fetch->address.str() + ": " + served);
    const auto& reading = copies.front()->reading;
    if (const Policy* odd = reading ? reading->applied() : nullptr)
      longest = std::max(longest.value_or(0), odd->max_age);
  }
  if (!tie) detail += "; the other " + std::to_string(norm->second.size()) + ": " + norm->first;
  Finding* finding = out.raise_at_most(
      excludes_hosts(c, kinds) ? Severity::critical : Severity::warning, "sts-policy-address-inconsistent",
      c.facts.domain.policy_host(), in_detail(c, detail),
      {{"until", longest ? to_utc(c.now + Seconds(static_cast<Seconds::rep>(*longest))) : std::string()}});
  if (!longest) say_for(Situation::unreadable, c.facts.domain, c.now, finding);
}

/// Where a row's text would not be so: of what is no policy, and of one address beside others that serve.
void say_what_it_means(const Case& c, Findings& out) {
  const bool served =
      std::ranges::any_of(c.copies, [](const PolicyCopy& copy) { return copy.outcome == Outcome::ok; });
  for (Finding& finding : out.all()) {
    const bool of_one = finding.subject.find(' ') != finding.subject.npos;
    if (finding.code == "sts-policy-content-type" && finding.refused_by.size() == sender_names().size())
      say_for(Situation::no_policy, c.facts.domain, c.now, &finding);
    const auto compressed = [&](const PolicyCopy& copy) {
      return copy.fetch->content_encoding && !copy.fetch->decoded && copy.fetch->status == 200 &&
             (!of_one || finding.subject.ends_with(' ' + copy.fetch->address.str()));
    };
    if (finding.code == "sts-policy-body-truncated" && std::ranges::any_of(c.copies, compressed))
      say_for(Situation::compressed, c.facts.domain, c.now, &finding);
    if (finding.code == "sts-policy-connect-failed" && of_one && served)
      say_for(Situation::one_address, c.facts.domain, c.now, &finding);
  }
}

/// A broken AAAA beside a working A: RULES 3.2 B, sts-policy-ipv6-broken.
void judge_ipv6(const Case& c, std::vector<CopyFault>& out) {
  const auto works = [](const PolicyCopy& copy) { return copy.outcome == Outcome::ok; };
  const auto is_v6 = [](const PolicyCopy& copy) { return copy.fetch->address.is_v6(); };
  if (!c.vantage.ipv6 || std::ranges::none_of(c.copies, [&](const auto& p) { return works(p) && !is_v6(p); }))
    return;
  if (std::ranges::any_of(c.copies, [&](const auto& p) { return works(p) && is_v6(p); })) return;
  for (const PolicyCopy& copy : c.copies) {
    if (is_v6(copy) && copy.outcome != Outcome::unknown)
      out.push_back({"sts-policy-ipv6-broken", &copy, copy.detail});
  }
}

// --- Over a day

/// RULES 3.2 B: "p95 of total fetch time over 2 s (warning over 4 s)".
void judge_times(const Case& c, Findings& out) {
  const auto usual = usual_fetch(*c.history.past);
  if (!usual || usual->time <= kSlowFetch) return;
  const std::string detail = usual->in_words();
  const bool very = usual->time > kVerySlow;
  const Oddity oddity = very ? Oddity::over_4_s : Oddity::over_2_s;
  tell_senders(
      very ? out.raise("sts-policy-fetch-slow", c.facts.domain.policy_host(), detail)
           : out.raise_as(Severity::info, "sts-policy-fetch-slow", c.facts.domain.policy_host(), detail),
      std::array{oddity});
}

/// RULES 3.2 B: "success ratio in 24 h between 50 % and 98 % with 4 or more state changes".
void judge_flapping(const Case& c, Findings& out) {
  const auto& fetches = c.history.past->fetches;
  std::size_t good = 0, changes = 0;
  for (std::size_t i = 0; i < fetches.size(); ++i) {
    good += fetches[i].ok;
    changes += i > 0 && fetches[i].ok != fetches[i - 1].ok;
  }
  if (changes < 4 || good * 2 < fetches.size() || good * 100 > fetches.size() * 98) return;
  out.raise("sts-policy-fetch-flapping", c.facts.domain.policy_host(),
            std::to_string(good) + " of " + std::to_string(fetches.size()) + " fetches in 24 h were good, " +
                std::to_string(changes) + " changes");
}

/// One family that fails stops nobody who gets addresses of the other: the lookup fails when neither gives
/// any, and one of them is proved to fail.
void judge_lookup(const Case& c, Findings& out) {
  const HostAddresses& host = c.facts.policy_host;
  const bool held = !host.a.zone_error.empty() && !host.aaaa.zone_error.empty();
  if (host.lookup() == Lookup::found && !held) return;
  std::string error = host.a.proven_error();
  if (error.empty()) error = host.aaaa.proven_error();
  if (!error.empty())
    out.raise("sts-policy-host-dns-error", c.facts.domain.policy_host(), in_detail(c, error));
}

}  // namespace

std::optional<UsualFetch> usual_fetch(const Past& past) {
  std::vector<Millis> times;
  for (const FetchSample& sample : past.fetches)
    if (sample.ok) times.push_back(sample.duration);
  if (times.size() < 2) return std::nullopt;
  std::ranges::sort(times);
  return UsualFetch{times[std::min((times.size() * 95 + 99) / 100, times.size() - 1) - 1], times.size()};
}

std::string UsualFetch::in_words() const {
  const std::string all =
      of < 20 ? "all but the slowest of " + std::to_string(of) + " fetches" : "95 % of the fetches in 24 h";
  return all + " took up to " + std::to_string(time.count()) + " ms";
}

void judge_fetch(const Case& c, Findings& out) {
  // RULES 3.2 A: groups B, C and D are judged only when a record exists in any spelling or a policy is
  // remembered.
  if (!c.deployed()) return;
  judge_lookup(c, out);
  judge_addresses(c, out);
  std::vector<CopyFault> faults;
  FetchJudge judge(c, faults);
  for (const PolicyCopy& copy : c.copies)
    judge.judge(copy);
  judge_ipv6(c, faults);
  raise_by_address(c, faults, out);
  say_what_it_means(c, out);
  judge_agreement(c, out);
  if (!c.history.past) return;
  judge_times(c, out);
  judge_flapping(c, out);
}

}  // namespace stswatch
