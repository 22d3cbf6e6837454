// Group P: advice for the providers of RULES 3.4. It stands beside the generic codes, which decide: "does
// each MX of the record set match a pattern".

#include <algorithm>
#include <array>
#include <span>

#include "checks/facts/bounds.h"
#include "checks/facts/policy.h"
#include "checks/facts/text.h"
#include "checks/judge/catalogue/finding.h"
#include "checks/judge/rules/rules.h"
#include "checks/judge/senders/by_pattern.h"

namespace stswatch {
namespace {

using Names = std::vector<std::string>;

/// Microsoft 365: of the world, of the US government, of China operated by 21Vianet.
constexpr std::array<std::string_view, 3> kOutlook = {
    "mail.protection.outlook.com", "mail.protection.office365.us", "mail.protection.partner.outlook.cn"};
constexpr std::string_view kMxMicrosoft = "mx.microsoft";

constexpr std::array<std::string_view, 1> kGoogleNew = {"smtp.google.com"};
constexpr std::array<std::string_view, 2> kGoogleClassic = {"aspmx.l.google.com", "googlemail.com"};
constexpr std::array<std::string_view, 4> kMicrosoft = {kOutlook[0], kOutlook[1], kOutlook[2], kMxMicrosoft};
constexpr std::array<std::string_view, 2> kProton = {"mail.protonmail.ch", "mailsec.protonmail.ch"};
constexpr std::array<std::string_view, 1> kFastmail = {"messagingengine.com"};

/// Filters in front of mailbox providers (RULES 3.2 P, 3.4): Proofpoint, Mimecast in its regions, Symantec,
/// Barracuda, Cisco, Trend, Hornetsecurity (antispameurope.com as it was), Sophos.
constexpr std::array<std::string_view, 14> kGateways = {
    "pphosted.com",          "ppe-hosted.com",  "mimecast.com",          "mimecast.co.za",
    "mimecast-offshore.com", "messagelabs.com", "barracudanetworks.com", "iphmx.com",
    "trendmicro.com",        "trendmicro.eu",   "trendmicro.co.jp",      "hornetsecurity.com",
    "antispameurope.com",    "sophos.com",
};
constexpr std::array<std::string_view, 11> kMailboxes = {
    "office365.us",        "partner.outlook.cn", "smtp.google.com", "aspmx.l.google.com",
    "googlemail.com",      "google.com",         "outlook.com",     "mx.microsoft",
    "messagingengine.com", "mail.protonmail.ch", "protonmail.ch",
};

std::string_view bare(std::string_view pattern) {
  return pattern.starts_with("*.") ? pattern.substr(2) : pattern;
}

bool under(std::string_view name, std::string_view suffix) {
  return name == suffix || (name.size() > suffix.size() && name.ends_with(suffix) &&
                            name[name.size() - suffix.size() - 1] == '.');
}

bool under_any(std::string_view name, std::span<const std::string_view> suffixes) {
  return std::ranges::any_of(suffixes, [&](std::string_view suffix) { return under(bare(name), suffix); });
}

Names those(const Names& names, std::span<const std::string_view> suffixes) {
  Names out;
  std::ranges::copy_if(names, std::back_inserter(out), [&](const auto& n) { return under_any(n, suffixes); });
  return out;
}

Names unmatched(const Names& hosts, const Policy& policy) {
  Names out;
  std::ranges::copy_if(hosts, std::back_inserter(out),
                       [&](const auto& h) { return !matches_any(h, policy.mx); });
  return out;
}

/// <token>.<letter>-v1.mx.microsoft
bool is_mx_microsoft(std::string_view host) { return under(host, kMxMicrosoft) && host != kMxMicrosoft; }

bool is_outlook(std::string_view host) {
  return under_any(host, kOutlook) && std::ranges::find(kOutlook, host) == kOutlook.end();
}

class ProviderJudge {
 public:
  ProviderJudge(const Case& c, const Names& hosts, const Policy& policy, Findings& out)
      : c_(c),
        domain_(c.facts.domain.str()),
        hosts_(hosts),
        policy_(policy),
        missing_(unmatched(hosts, policy)),
        out_(out) {}

  void judge() {
    judge_google();
    judge_microsoft();
    judge_gateway();
    if (missing_.empty()) judge_advice();
  }

 private:
  Finding* raise(std::string_view code, const std::string& what) {
    return out_.raise(code, domain_,
                      printable(what + "; the policy lists " + text::joined(policy_.mx), bounds::kDetail));
  }

  /// The policy leaves these out. RULES 5.1: a page only where mail stops, so not while others are listed.
  void raise_of(const Names& hosts, std::string_view code, const std::string& what) {
    const std::size_t at = out_.all().size();
    Finding* finding = raise(code, what);
    if (finding == nullptr) return;
    const bool all = missing_.size() == hosts_.size();
    if (all) {  // told as what is told of all hosts (RULES 5.5)
      if (const Finding* none = out_.find(kNoneListed))
        finding->route = std::max(finding->route, none->route);
    } else {
      finding->route = std::min(finding->route, Route::ticket);
      say_for(Situation::others_listed, c_.facts.domain, c_.now, finding, {{"value", text::joined(hosts)}});
    }
    tell_senders_as(finding, kNoneListed, std::array{all ? oddity_of_all(c_) : common_oddity(hosts)});
    let_off_refusing(c_, finding);
    lower_parts(hosts);
    // RULES 5.5: one cause, one critical finding. No host is listed, and this is of one provider of several.
    if (all && hosts.size() < hosts_.size()) out_.all()[at].part = out_.has(kNoneListed);
  }

  /// Who delivers to each of them all the same.
  Oddity common_oddity(const Names& hosts) const {
    std::optional<Oddity> out;
    for (const MxCase& mx : c_.mx) {
      if (std::ranges::find(hosts, mx.host) == hosts.end()) continue;
      const Oddity oddity = oddity_of(c_, mx);
      if (out && *out != oddity) return Oddity::none;
      out = oddity;
    }
    return out.value_or(Oddity::none);
  }

  bool lists(std::span<const std::string_view> suffixes) const {
    return !those(policy_.mx, suffixes).empty();
  }

  void judge_google() {
    const Names classic = those(hosts_, kGoogleClassic), missing = unmatched(classic, policy_);
    const Names modern = unmatched(those(hosts_, kGoogleNew), policy_);
    const bool left_behind = !modern.empty() && lists(kGoogleClassic);
    const bool ran_ahead = !classic.empty() && missing.size() == classic.size() && lists(kGoogleNew);
    if (left_behind || ran_ahead) {
      const Names& hosts = left_behind ? modern : missing;
      raise_of(hosts, "provider-google-mx-switched", "MX " + text::joined(hosts));
    } else if (std::ranges::any_of(missing, [](const auto& h) { return h != "aspmx.l.google.com"; }) &&
               lists(kGoogleClassic)) {
      // RFC 8461 §4.1: every MX host is matched by itself; those that match nothing are skipped.
      raise_of(missing, "provider-google-mx-incomplete", "not listed: " + text::joined(missing));
    }
  }

  /// One cause, one critical finding: what it means for each host stands below it, and the generic code of
  /// all as its part (RULES 5.5: "same severity").
  void lower_parts(const Names& hosts) {
    constexpr std::array<std::string_view, 2> kParts = {"mx-not-in-policy", "mx-backup-invalid"};
    for (Finding& part : out_.all()) {
      const bool of_host = std::ranges::find(kParts, part.code) != kParts.end() &&
                           std::ranges::find(hosts, part.subject) != hosts.end();
      const bool of_all = part.code == kNoneListed && hosts.size() == hosts_.size();
      part.part = part.part || of_all || of_host;
      if (!of_host) continue;
      part.severity = std::min(part.severity, Severity::warning);
      part.route = std::min(part.route, Route::ticket);
    }
  }

  void judge_microsoft() {
    Names outlook, dnssec;
    std::ranges::copy_if(missing_, std::back_inserter(outlook), is_outlook);
    std::ranges::copy_if(missing_, std::back_inserter(dnssec), is_mx_microsoft);
    // RFC 8461 §4.1: the wildcard is one label, Microsoft's hosts have two before mx.microsoft.
    if (!dnssec.empty() && std::ranges::find(policy_.mx, "*.mx.microsoft") != policy_.mx.end()) {
      raise_of(dnssec, "provider-m365-mx-microsoft-wildcard", "MX " + text::joined(dnssec));
      dnssec.clear();
    }
    // A policy of before the move, of another letter's zone or of another cloud; one that names a filter
    // instead is provider-gateway-mismatch.
    if (lists(kMicrosoft)) outlook.insert(outlook.end(), dnssec.begin(), dnssec.end());
    if (!outlook.empty() && !(lists(kGateways) && !lists(kMicrosoft)))
      raise_of(outlook, "provider-m365-pattern-wrong", "MX " + text::joined(outlook));
  }

  void judge_gateway() {
    if (missing_.size() != hosts_.size()) return;
    const bool in_front = !those(hosts_, kGateways).empty() && lists(kMailboxes);
    const bool behind = !those(hosts_, kMailboxes).empty() && lists(kGateways);
    if (in_front || behind) raise_of(hosts_, "provider-gateway-mismatch", "MX " + text::joined(hosts_));
  }

  /// The lines of RULES 3.4, or the exact names of the MX hosts, are as recommended.
  bool recommended(const std::string& pattern) const {
    constexpr std::array<std::string_view, 8> kLines = {
        "smtp.google.com",
        "aspmx.l.google.com",
        "*.aspmx.l.google.com",
        "*.googlemail.com",
        "*.mail.protection.outlook.com",
        "*.mail.protection.office365.us",
        "*.mail.protection.partner.outlook.cn",
        "*.messagingengine.com",
    };
    if (std::ranges::find(kLines, pattern) != kLines.end()) return true;
    if (std::ranges::find(hosts_, pattern) != hosts_.end()) return true;
    return pattern.starts_with("*.") && pattern.ends_with("-v1.mx.microsoft");
  }

  void judge_advice() {
    for (const std::string& host : hosts_) {
      const bool known = under_any(host, kGoogleNew) || under_any(host, kGoogleClassic) ||
                         under_any(host, kMicrosoft) || under_any(host, kProton) ||
                         under_any(host, kFastmail);
      if (!known) continue;
      const bool as_advised = std::ranges::any_of(
          policy_.mx, [&](const auto& pattern) { return recommended(pattern) && matches(host, pattern); });
      if (as_advised) continue;
      raise("provider-policy-mismatch", "MX " + host);
      return;
    }
  }

  static constexpr std::string_view kNoneListed = "mx-none-in-policy";

  const Case& c_;
  const std::string& domain_;
  const Names& hosts_;
  const Policy& policy_;
  const Names missing_;
  Findings& out_;
};

/// Hosts that left within the max_age of a policy senders may hold: these still allow them.
Names left_lately(const Case& c) {
  Names out;
  if (!c.history.past) return out;
  const SeenPolicy* last = last_served(*c.history.past);
  if (!last) return out;
  const Seconds life(static_cast<Seconds::rep>(last->policy.max_age));
  for (const SeenHost& mx : c.history.past->mx)
    if (mx.seen.gone && c.now - *mx.seen.gone <= life) out.push_back(mx.host);
  return out;
}

/// RULES 3.2 P: both families "in the MX set, or a switch between them in the last max_age".
void judge_migration(const Case& c, const Names& hosts, Findings& out) {
  const Names left = left_lately(c);
  const bool outlook = std::ranges::any_of(hosts, is_outlook);
  const bool dnssec = std::ranges::any_of(hosts, is_mx_microsoft);
  const bool from_outlook = dnssec && std::ranges::any_of(left, is_outlook);
  const bool from_dnssec = outlook && std::ranges::any_of(left, is_mx_microsoft);
  if (!(outlook && dnssec) && !from_outlook && !from_dnssec) return;
  std::string detail = "MX " + text::joined(those(hosts, kMicrosoft));
  if (!(outlook && dnssec)) detail += ", before " + text::joined(those(left, kMicrosoft));
  // RFC 8461 §8.1: what senders hold allows the old name only.
  std::string until = enforced_until(c.held).words();
  if (until.empty() && c.shown())
    until = to_utc(c.now + Seconds(static_cast<Seconds::rep>(c.shown()->max_age)));
  // Both names belong to one tenant: where each live policy lists them, nothing is due.
  const auto excludes = [](const Held& h) { return h.policy.mode != Mode::none && !h.unlisted.empty(); };
  const bool safe =
      std::ranges::none_of(c.held, excludes) && std::ranges::all_of(c.mx, [&](const MxCase& mx) {
        return listed_by_all(mx.host, demanding_policies(c));
      });
  Finding* finding = out.raise("provider-m365-migration", c.facts.domain.str(),
                               printable(detail, bounds::kDetail), {{"until", until}});
  if (finding && safe) {
    finding->severity = Severity::info;
    finding->route = Route::log;
  }
  // What is served decides, and no new id helps before it lists them.
  Names left_out = those(hosts, kMicrosoft);
  std::erase_if(left_out,
                [&](const std::string& host) { return listed_by_all(host, demanding_policies(c)); });
  if (finding == nullptr || left_out.empty()) return;
  finding->part = true;
  say_for(Situation::unlisted, c.facts.domain, c.now, finding, {{"value", text::joined(left_out)}});
}

/// What the MX set alone tells.
void judge_set(const Case& c, const Names& hosts, Findings& out) {
  const std::string& domain = c.facts.domain.str();
  judge_migration(c, hosts, out);
  const Names proton = those(hosts, kProton), fastmail = those(hosts, kFastmail);
  if (!proton.empty()) out.raise("provider-proton", domain, "MX " + text::joined(proton));
  if (!fastmail.empty()) out.raise("provider-fastmail", domain, "MX " + text::joined(fastmail));
}

}  // namespace

bool is_left_over(const std::string& host) { return host.ends_with(".mx-verification.google.com"); }

void judge_provider(const Case& c, Findings& out) {
  Names hosts;
  for (const MxCase& mx : c.mx)
    hosts.push_back(mx.host);
  if (hosts.empty()) return;
  judge_set(c, hosts, out);
  for (const Policy* policy : demanding_policies(c))
    ProviderJudge(c, hosts, *policy, out).judge();
}

}  // namespace stswatch
