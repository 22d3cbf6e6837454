// The exact texts to publish for a domain's MX hosts as they are, in the order that is safe.
#include <algorithm>

#include "agent/tell/pages.h"
#include "checks/facts/policy.h"

namespace stswatch::domain_page {
namespace {

constexpr std::uint64_t kWeek = 604800;

std::string policy_text(const View& view, const std::vector<std::string>& hosts) {
  const auto& shown = view.verdict.policy.shown;
  std::string file =
      "version: STSv1\nmode: " + std::string(to_string(shown ? shown->mode : Mode::testing)) + "\n";
  for (const auto& host : hosts)
    file += "mx: " + host + "\n";
  const auto max_age = shown && shown->max_age > 0 ? shown->max_age : kWeek;
  return file + "max_age: " + std::to_string(max_age) + "\n";
}

/// What is published is valid and lists every host.
bool fits(const Verdict& v, const std::vector<std::string>& hosts) {
  return v.mode && v.record.outcome == Outcome::ok && v.policy.outcome == Outcome::ok && v.policy.shown &&
         std::ranges::all_of(hosts, [&](const auto& h) { return matches_any(h, v.policy.shown->mx); });
}

/// RFC 8461 §3.1: the id "uniquely identifies a particular instance of a policy": never the one that is
/// shown.
std::string unused_id(const Verdict& v, TimePoint now) {
  return fresh_id(fresh_id(now) == v.record.id ? now + Seconds(1) : now);
}

}  // namespace

void publish(Html& page, const View& view) {
  const auto& v = view.verdict;
  const auto& domain = v.domain;
  std::vector<std::string> hosts;
  for (const auto& mx : v.mx)
    if (is_mx_pattern(mx.host)) hosts.push_back(mx.host);
  if (hosts.empty()) return;
  const bool sound = fits(v, hosts);
  page.raw("<h2>What to publish</h2>");
  if (sound && view.claims.fresh)
    page.raw("<p>What is published now fits these MX hosts: nothing has to change.</p>");
  page.raw(sound ? "<details><summary>The texts, for a change</summary>" : "<div>")
      .raw("<ol><li>Serve this file, as text/plain, at every address of <code>")
      .text("https://" + domain.policy_host() + "/.well-known/mta-sts.txt")
      .raw("</code>:")
      .element("pre", policy_text(view, hosts));
  if (!v.policy.shown)
    page.raw(
        "<p class=\"small dim\">Testing first: senders deliver in any case, and report. Enforce when the "
        "reports are clean.</p>");
  for (const auto& mx : v.mx)
    if (!is_mx_pattern(mx.host))
      page.element("p", "\"" + mx.host + "\" cannot stand in a policy: correct this MX record first.",
                   "warning");
  page.raw("</li><li>When each address serves it, publish this record:")
      .element("pre",
               domain.sts_record_name() + ". 3600 IN TXT \"v=STSv1; id=" + unused_id(v, view.now()) + ";\"")
      .raw("</li>");
  if (v.tlsrpt.outcome == Outcome::absent || v.tlsrpt.outcome == Outcome::invalid)
    page.raw("<li>To be told by senders what they meet, publish this one, with an address that you read:")
        .element("pre", domain.tlsrpt_name() + ". 3600 IN TXT \"v=TLSRPTv1; rua=mailto:tlsrpt@" +
                            domain.str() + "\"")
        .raw("</li>");
  page.raw("</ol>").raw(sound ? "</details>" : "</div>");
}

}  // namespace stswatch::domain_page
