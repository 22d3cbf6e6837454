// A sender is listed as refusing where it ends without a policy, or with another one than the text means to
// an ordinary reader; not where it applies a policy that then lets it reach no host. Seen in the lab:
// Postfix 3.7 with postfix-mta-sts-resolver 1.1, chasquid 1.11, mailauth 4.13 (tests/lab/senders_test.py).
// Read from: mox mtasts/{parse,mtasts}.go; postfix-tlspol internal/mta-sts.go; go-mtasts mtasts.go, cache.go
// (maddy uses it); KumoMTA crates/mta-sts; Stalwart outbound/mta_sts and mail-auth mta_sts/parse.rs; mailauth
// lib/mta-sts.js.
#include "checks/judge/catalogue/deployed.h"

#include <algorithm>
#include <array>

#include "checks/facts/text.h"

namespace stswatch {
namespace {

enum : unsigned {
  kNobody = 0U,
  kMox = 1U,
  kResolver = 2U,  // and Postfix, which does what postfix-mta-sts-resolver tells it
  kTlspol = 4U,
  kChasquid = 8U,
  kGoMtasts = 16U,
  kKumo = 32U,
  kStalwart = 64U,
  kMailauth = 128U,
  kAll = 255U,
  kGo = kMox | kTlspol | kChasquid | kGoMtasts,
  kRust = kKumo | kStalwart,
  // They compare MX host and certificate as RFC 8461 §4 has it; tlspol leaves both to Postfix, by its
  // version.
  kByName = kMox | kChasquid | kGoMtasts | kKumo | kStalwart,
};

constexpr std::array<std::string_view, 8> kNames{
    "mox",     "postfix-mta-sts-resolver", "postfix-tlspol", "chasquid", "go-mtasts", "KumoMTA", "Stalwart",
    "mailauth"};

using enum Oddity;

constexpr SenderRow kRows[] = {
    // --- A. The record. KumoMTA joins all records, Stalwart takes one that parses, chasquid and tlspol look
    // for
    // any and ignore ids; tlspol asks for no more than the prefix "v=STSv1".
    {"sts-txt-multiple", none, kMox | kResolver | kGoMtasts | kMailauth, kNobody, "record-two"},
    {"sts-txt-syntax-invalid", none, kMox, kNobody, "source"},
    {"sts-txt-syntax-invalid", no_semicolon, kAll & ~kTlspol, kTlspol, "record-no-semicolon"},
    {"sts-txt-syntax-invalid", id_spaced, kMox | kResolver | kGoMtasts, kNobody,
     "record-space-around-equals"},
    {"sts-txt-version-invalid", none, kAll, kNobody, "record-other-version-alone"},
    {"sts-txt-version-invalid", version_case, kAll & ~kMailauth, kMailauth, "record-version-lower"},
    {"sts-txt-version-not-first", none, kMox | kResolver | kTlspol | kChasquid | kMailauth, kNobody,
     "record-version-not-first"},
    {"sts-txt-id-missing", none, kAll & ~(kChasquid | kTlspol), kChasquid | kTlspol, "record-id-missing"},
    {"sts-txt-id-missing", id_case, kAll & ~(kChasquid | kTlspol | kMailauth),
     kChasquid | kTlspol | kMailauth, "record-id-key-upper"},
    {"sts-txt-id-invalid", none, kMox, kNobody, "record-id-hyphen"},
    {"sts-txt-id-invalid", id_empty, kAll & ~(kChasquid | kTlspol | kResolver),
     kChasquid | kTlspol | kResolver, "record-id-empty"},
    {"sts-txt-duplicate-field", id_repeated, kResolver | kGoMtasts | kKumo | kStalwart, kNobody, "source"},
    {"sts-txt-space-before-delimiter", none, kChasquid, kNobody, "record-space-around-equals"},
    {"sts-txt-trailing-data", none, kMox, kNobody, "source"},
    {"sts-txt-trailing-data", part_without_value, kMox | kGoMtasts | kKumo, kNobody, "source"},
    {"sts-txt-non-ascii", none, kMox | kResolver, kNobody, "source"},
    // go-mtasts counts all records, KumoMTA reads all of them as one.
    {"sts-txt-other-records-present", none, kGoMtasts | kKumo, kNobody, "source"},
    {"sts-txt-other-records-present", longer_version, kGoMtasts | kKumo | kResolver, kNobody,
     "record-other-version"},
    {"sts-txt-other-records-present", bare_version, kGoMtasts | kKumo | kResolver | kMailauth, kNobody,
     "record-bare-version"},
    {"sts-txt-other-records-present", spaced_version, kMox | kGoMtasts | kKumo | kResolver | kMailauth,
     kNobody, "record-spaced-version"},

    // --- B. The answer of the policy host.
    {"sts-policy-fetch-timeout", none, kAll, kNobody, "source"},
    {"sts-policy-fetch-slow", over_2_s, kTlspol, kNobody, "source"},
    {"sts-policy-fetch-slow", over_4_s, kTlspol | kResolver, kNobody, "source"},
    {"sts-policy-http-invalid", none, kAll, kNobody, "source"},
    {"sts-policy-http-status", none, kAll, kNobody, "source"},
    {"sts-policy-http-status", success_but_200, kAll & ~kMailauth, kMailauth, "source"},
    {"sts-policy-http-redirect", none, kAll, kNobody, "source"},
    {"sts-policy-content-type", none, kResolver | kChasquid | kGoMtasts | kKumo,
     kMox | kTlspol | kStalwart | kMailauth, "fetch-html-type"},
    {"sts-policy-content-type", not_a_policy, kAll, kNobody, "source"},
    {"sts-policy-html-body", none, kAll, kNobody, "source"},
    // Over 64 KiB mox and the resolver give up; chasquid cuts at 10 KiB without a word.
    {"sts-policy-too-large", none, kMox | kResolver, kNobody, "policy-over-64k-tail"},
    {"sts-policy-too-large", cut_at_10_k, kChasquid, kNobody, "policy-over-64k-head"},
    {"sts-policy-too-large", read_at_10_k, kNobody, kNobody, "policy-over-64k-tail"},
    {"sts-policy-body-truncated", none, kAll, kNobody, "source"},
    // Asked for by Go's and Python's clients, and so undone by them; Node's leaves it to its caller; in
    // KumoMTA
    // and Stalwart reqwest is built without.
    {"sts-policy-encoded", none, kRust | kMailauth, kGo | kResolver, "fetch-gzip"},
    {"sts-policy-encoded", deflate, kAll & ~kResolver, kResolver, "source"},
    {"sts-policy-framing", none, kResolver | kMailauth, kGo | kRust, "fetch-length-and-chunked"},  // llhttp
    {"sts-policy-end-unproven", none, kRust, kGo | kResolver | kMailauth, "fetch-no-length"},      // rustls
    // The resolver decodes by any charset that Python knows, and as ASCII without one.
    {"sts-policy-charset", none, kNobody, kNobody, "fetch-charset-latin1"},
    {"sts-policy-charset", charset_unknown, kResolver, kNobody, "fetch-charset-unknown"},
    {"sts-policy-non-ascii", none, kResolver, kNobody, "fetch-utf8-no-charset"},

    // --- C. Certificate and TLS of the policy host.
    {"sts-webpki-cn-only", none, kGo | kRust, kResolver | kMailauth, "web-cn-only"},
    {"sts-webpki-host-mismatch", partial_wildcard, kAll & ~kMailauth, kMailauth, "source"},
    {"sts-webpki-dh-small", none, kResolver, kNobody, "web-dh-small"},

    // --- D. The text. chasquid, the resolver and mailauth skip a line without a colon; Stalwart takes it
    // into the
    // next key; tlspol trims each line.
    {"sts-policy-invalid", none, kMox | kTlspol | kGoMtasts | kKumo | kStalwart, kNobody, "source"},
    {"sts-policy-invalid", no_field_at_all, kAll, kNobody, "source"},
    {"sts-policy-version-invalid", none, kAll, kNobody, "source"},
    {"sts-policy-version-invalid", version_missing, kAll & ~kStalwart, kStalwart, "source"},
    {"sts-policy-version-invalid", key_case, kAll & ~(kStalwart | kMailauth), kStalwart | kMailauth,
     "source"},
    {"sts-policy-mode-invalid", none, kAll, kNobody, "source"},  // missing: mailauth and Stalwart assume none
    {"sts-policy-mode-invalid", mode_case, kAll & ~kMailauth, kMailauth, "policy-mode-upper"},
    {"sts-policy-mode-invalid", key_case, kAll & ~kMailauth, kMailauth, "policy-key-upper"},
    {"sts-policy-max-age-invalid", none, kAll, kNobody, "source"},  // Stalwart assumes 86400
    {"sts-policy-max-age-invalid", key_case, kAll & ~kMailauth, kMailauth, "source"},
    {"sts-policy-max-age-invalid", signed_number, kMox | kTlspol, kNobody, "policy-max-age-plus"},
    {"sts-policy-max-age-invalid", fraction, kAll & ~kMailauth, kMailauth, "policy-max-age-fraction"},
    {"sts-policy-max-age-too-large", none, kResolver | kChasquid | kStalwart | kMailauth, kNobody, "source"},
    {"sts-policy-max-age-zero", none, kChasquid | kStalwart, kNobody, "policy-max-age-zero"},
    {"sts-policy-mx-missing", none, kAll, kNobody, "source"},
    {"sts-policy-mx-missing", key_case, kAll & ~kMailauth, kMailauth, "source"},
    // The others keep a pattern that nothing matches, and apply the policy. Postfix cannot use a TLS policy
    // with a list or an IPv4 address in it, and defers all mail for the domain, whatever else is listed.
    {"sts-policy-mx-invalid-pattern", none, kMox | kTlspol, kNobody, "policy-mx-asterisk-beside"},
    {"sts-policy-mx-invalid-pattern", mx_unreadable, kMox | kTlspol | kResolver, kNobody,
     "policy-mx-list-beside"},
    {"sts-policy-mx-invalid-pattern", mx_leading_dot, kMox | kTlspol, kResolver, "policy-mx-leading-dot"},
    {"sts-policy-mx-trailing-dot", none, kMox | kTlspol, kChasquid | kGoMtasts, "policy-mx-final-dot"},
    {"sts-policy-mx-ulabel", none, kMox | kTlspol | kResolver, kChasquid | kGoMtasts, "source"},
    // The last counts; KumoMTA refuses the file. Of other fields nobody cares.
    {"sts-policy-duplicate-field", known_field_repeated,
     kResolver | kChasquid | kGoMtasts | kKumo | kStalwart | kMailauth, kNobody, "source"},
    {"sts-policy-nonconforming-line", none, kMox, kNobody, "source"},
    {"sts-policy-nonconforming-line", blank_line, kMox | kGoMtasts, kNobody, "source"},
    {"sts-policy-nonconforming-line", comment, kMox | kTlspol | kGoMtasts | kKumo | kStalwart, kNobody,
     "policy-comment"},
    {"sts-policy-nonconforming-line", comment_with_colon, kMox, kNobody, "source"},
    {"sts-policy-nonconforming-line", byte_order_mark, kMox | kResolver | kTlspol | kChasquid | kGoMtasts,
     kNobody, "policy-bom"},
    {"sts-policy-nonconforming-line", leading_space, kMox | kResolver | kGoMtasts, kNobody, "source"},
    {"sts-policy-nonconforming-line", space_before_colon, kMox | kResolver | kGoMtasts, kNobody, "source"},
    {"sts-policy-line-ending", none, kAll & ~kResolver, kResolver,
     "source"},  // str.splitlines() knows a bare CR
    {"sts-policy-key-case", none, kAll, kNobody, "source"},
    {"sts-policy-key-case", key_case, kAll & ~kMailauth, kMailauth, "policy-key-upper"},
    {"sts-policy-key-case", key_beside, kNobody, kNobody, "source"},
    {"sts-policy-control-characters", none, kMox | kTlspol, kNobody, "source"},
    {"sts-policy-control-characters", not_utf8, kResolver | kTlspol | kStalwart, kNobody, "source"},
    {"sts-policy-control-characters", in_known_field, kAll, kNobody, "source"},

    // --- E. What the policy says.
    {"sts-max-age-under-hour", none, kStalwart, kNobody, "source"},  // keeps it for 86400 s
    {"sts-none-without-mx", none, kChasquid | kStalwart, kNobody, "source"},

    // --- F, G, H, I. An MX host under the policy. Postfix compares the certificate with the policy's
    // patterns, any
    // of them and at any depth, and does not ask what the host is called; mailauth asks only for the host's
    // name.
    {"mx-not-in-policy", certificate_listed, kByName | kMailauth, kResolver,
     "mx-unlisted-certificate-listed"},
    {"mx-not-in-policy", below_wildcard, kByName | kResolver, kMailauth, "source"},
    {"mx-not-in-policy", listed_and_below, kByName, kResolver | kMailauth, "mx-below-wildcard"},
    {"mx-none-in-policy", certificate_listed, kByName | kMailauth, kResolver,
     "mx-unlisted-certificate-listed"},
    {"mx-none-in-policy", below_wildcard, kByName | kResolver, kMailauth, "source"},
    {"mx-none-in-policy", listed_and_below, kByName, kResolver | kMailauth, "mx-below-wildcard"},
    {"enforce-breakage-now", certificate_listed, kByName, kResolver, "mx-certificate-of-other"},
    {"enforce-breakage-now", below_wildcard, kByName | kResolver, kMailauth, "source"},
    {"enforce-breakage-now", listed_and_below, kByName, kResolver | kMailauth, "mx-below-wildcard"},
    // chasquid and go-mtasts drop the dot; mox and tlspol refuse such a policy whole.
    {"mx-not-in-policy", final_dot, kAll & ~(kMox | kTlspol | kChasquid | kGoMtasts), kChasquid | kGoMtasts,
     "policy-mx-final-dot"},
    {"mx-none-in-policy", final_dot, kAll & ~(kMox | kTlspol | kChasquid | kGoMtasts), kChasquid | kGoMtasts,
     "policy-mx-final-dot"},
    {"enforce-breakage-now", final_dot, kAll & ~(kMox | kTlspol | kChasquid | kGoMtasts),
     kChasquid | kGoMtasts, "policy-mx-final-dot"},
    // Of two modes mox and tlspol take the first; KumoMTA refuses the file, the others take the last.
    {"mx-not-in-policy", last_mode_milder, kMox | kTlspol, kAll & ~(kMox | kTlspol), "source"},
    {"mx-none-in-policy", last_mode_milder, kMox | kTlspol, kAll & ~(kMox | kTlspol), "source"},
    {"enforce-breakage-now", last_mode_milder, kMox | kTlspol, kAll & ~(kMox | kTlspol), "source"},
    // At a new id whose policy cannot be fetched the two in Rust go on without any (RULES 0.4).
    {"enforce-breakage-now", new_id_unreadable, kAll & ~kRust, kRust, "source"},
    {"mx-none-in-policy", new_id_unreadable, kAll & ~kRust, kRust, "source"},
    {"cached-policy-excludes-all-mx", new_id_unreadable, kAll & ~kRust, kRust, "source"},
    {"certificate-host-mismatch", certificate_listed, kByName, kResolver, "mx-certificate-of-other"},
    {"certificate-cn-only", certificate_listed, kByName, kResolver, "mx-cn-only"},
    {"starttls-dh-small", none, kNobody, kResolver, "mx-dh-small"},
};

SenderNames names_of(unsigned senders) {
  SenderNames names;
  for (std::size_t i = 0; i < kNames.size(); ++i)
    if ((senders >> i & 1U) != 0) names.emplace_back(kNames[i]);
  return names;
}

const SenderRow* row_of(std::string_view code, Oddity oddity) {
  const auto row =
      std::ranges::find_if(kRows, [&](const SenderRow& r) { return r.code == code && r.oddity == oddity; });
  return row == std::end(kRows) ? nullptr : row;
}

}  // namespace

Senders senders_of(std::string_view code, std::span<const Oddity> oddities) {
  unsigned refuse = kNobody, accept = kNobody;
  const auto add = [&](Oddity oddity) {
    const SenderRow* row = row_of(code, oddity);
    if (row == nullptr) row = row_of(code, none);
    if (row == nullptr) return;
    refuse |= row->refuse;
    accept |= row->accept;
  };
  if (oddities.empty()) add(none);
  std::ranges::for_each(oddities, add);
  return {names_of(refuse), names_of(accept & ~refuse)};
}

Senders ever_senders_of(std::string_view code) {
  unsigned refuse = kNobody, accept = kNobody;
  for (const SenderRow& row : kRows) {
    if (row.code != code) continue;
    refuse |= row.refuse;
    accept |= row.accept;
  }
  return {names_of(refuse), names_of(accept)};
}

std::span<const SenderRow> sender_rows() { return kRows; }
std::span<const std::string_view> sender_names() { return kNames; }

std::string comma_separated(const SenderNames& names) {
  std::string out;
  for (const auto& name : names)
    text::add(out, ", ", name);
  return out;
}

}  // namespace stswatch
