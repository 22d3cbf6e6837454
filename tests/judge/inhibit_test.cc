// One cause, one finding: the rows of RULES 5.5 that name codes, and 3.1.
#include <doctest/doctest.h>

#include "tests/judge/facts_builder.h"

namespace stswatch::facts {
namespace {

struct Raised {
  const char* code;
  std::string subject;
};

struct Inhibition {
  const char* why;
  std::vector<Raised> raised;
  std::vector<std::string> left;  // codes
  bool null_mx = false;
};

constexpr const char* kHostWeb = "mta-sts.example.com 198.51.101.1";
constexpr const char* kHostWeb2 = "mta-sts.example.com 198.51.101.2";
constexpr const char* kMail = "mx2.example.com";
constexpr const char* kMailAddress = "mx2.example.com 203.0.114.2";
constexpr const char* kDomain = "example.com";

const Inhibition kInhibitions[] = {
    {"no address: nothing else of the policy host is told",
     {{"sts-policy-host-no-address", kPolicyHost},
      {"sts-policy-fetch-slow", kPolicyHost},
      {"sts-webpki-cert-expired", kHostWeb}},
     {"sts-policy-host-no-address"}},
    {"no connection to one address: what is told of the other stays",
     {{"sts-policy-connect-failed", kHostWeb},
      {"sts-webpki-cert-expired", kHostWeb},
      {"sts-webpki-cert-expired", kHostWeb2},
      {"sts-policy-content-type", kHostWeb2}},
     {"sts-policy-connect-failed", "sts-policy-content-type", "sts-webpki-cert-expired"}},
    {"no connection leaves groups A and E alone",
     {{"sts-policy-connect-failed", kPolicyHost}, {"sts-txt-multiple", kDomain}},
     {"sts-policy-connect-failed", "sts-txt-multiple"}},
    {"a precise syntax code says why",
     {{"sts-policy-invalid", kPolicyHost}, {"sts-policy-version-invalid", kPolicyHost}},
     {"sts-policy-version-invalid"}},
    {"HTML says why",
     {{"sts-policy-invalid", kPolicyHost}, {"sts-policy-html-body", kPolicyHost}},
     {"sts-policy-html-body"}},
    {"the precise code of another address does not",
     {{"sts-policy-invalid", kHostWeb}, {"sts-policy-version-invalid", kHostWeb2}},
     {"sts-policy-invalid", "sts-policy-version-invalid"}},
    {"an unknown field is no reason",
     {{"sts-policy-invalid", kPolicyHost}, {"sts-policy-unknown-field", kPolicyHost}},
     {"sts-policy-invalid", "sts-policy-unknown-field"}},
    {"an unreachable address: its TLS and certificate are not told (the row names an address)",
     {{"mx-unreachable", kMailAddress},
      {"certificate-expired", kMailAddress},
      {"starttls-not-supported", kMailAddress},
      {"certificate-expired", "mx2.example.com 2001:67c::25"}},
     {"certificate-expired", "mx-unreachable"}},
    {"an unreachable host covers its addresses",
     {{"mx-unreachable", kMail}, {"certificate-expired", kMailAddress}},
     {"mx-unreachable"}},
    {"a host whose name only begins alike is not covered",
     {{"mx-unreachable", "mx2.example.co"}, {"certificate-expired", kMail}},
     {"certificate-expired", "mx-unreachable"}},
    {"provider codes stand beside the generic ones (RULES 3.1)",
     {{"provider-google-mx-switched", kDomain}, {"mx-none-in-policy", kDomain}},
     {"mx-none-in-policy", "provider-google-mx-switched"}},
    {"breakage now stands beside the codes that cause it",
     {{"enforce-breakage-now", kDomain}, {"certificate-expired", kMail}, {"mx-none-in-policy", kDomain}},
     {"certificate-expired", "enforce-breakage-now", "mx-none-in-policy"}},
    {"mx-backup-invalid is never alone (RULES 3.1)", {{"mx-backup-invalid", kMail}}, {}},
    {"mx-backup-invalid beside the code of one address",
     {{"mx-backup-invalid", kMail}, {"certificate-expired", kMailAddress}},
     {"certificate-expired", "mx-backup-invalid"}},
    {"mx-backup-invalid beside mx-not-in-policy",
     {{"mx-backup-invalid", kMail}, {"mx-not-in-policy", kMail}},
     {"mx-backup-invalid", "mx-not-in-policy"}},
    {"another host's fault is no company",
     {{"mx-backup-invalid", kMail}, {"mx-not-in-policy", "mx1.example.com"}},
     {"mx-not-in-policy"}},
    {"null MX silences what needs an MX: F to I, K, O (RULES 3.1)",
     {{"mx-null", kDomain},
      {"mx-single", kMail},
      {"starttls-not-supported", kMail},
      {"certificate-expired", kMail},
      {"enforce-breakage-now", kDomain},
      {"tlsrpt-missing", "_smtp._tls.example.com"},
      {"enforce-without-testing", kDomain},
      {"sts-txt-multiple", kDomain},
      {"sts-tld-or-nonmail-domain", kDomain}},
     {"mx-null", "sts-tld-or-nonmail-domain", "sts-txt-multiple"},
     true},
};

}  // namespace

TEST_CASE("RULES 5.5 and 3.1: consequences of a named cause are dropped") {
  for (const Inhibition& row : kInhibitions) {
    CAPTURE(row.why);
    auto look = base();
    if (row.null_mx) look.null_mx();
    const Case c = look.prepared();
    Findings out(c.facts.domain, Mode::enforce, kNow);
    for (const Raised& one : row.raised)
      out.raise(one.code, one.subject, "seen");
    REQUIRE(out.all().size() == row.raised.size());
    inhibit(c, out);
    CHECK(codes(out.all()) == row.left);
  }
}

TEST_CASE("null MX and testing: no advice on reports (RULES 3.1)") {
  auto look = base();
  look.null_mx();
  const Case c = look.prepared();
  Findings out(c.facts.domain, Mode::testing, kNow);
  out.raise("sts-testing-without-tlsrpt", "example.com", "seen");
  out.raise("enforce-not-ready", "example.com", "seen");
  inhibit(c, out);
  CHECK(out.all().empty());
}

}  // namespace stswatch::facts
