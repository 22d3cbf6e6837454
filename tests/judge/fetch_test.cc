// Group B: the fetch; and what one fetch proves (RULES 5.7, CONTRACT 2 outcome).
#include <doctest/doctest.h>

#include "checks/judge/classify.h"
#include "tests/judge/facts_builder.h"

namespace stswatch::facts {
namespace {

struct Proof {
  const char* why;
  PolicyFetch fetch;
  bool reached_443;
  Outcome outcome;
  const char* result_type;
};

PolicyFetch old_tls() {
  auto f = failed_fetch(Stage::handshake, Cause::tls_alert);
  f.tls.alert = "protocol version";
  f.tls.legacy_version = "TLSv1.1";
  return f;
}

PolicyFetch with(PolicyFetch f, void (*alter)(PolicyFetch&)) {
  alter(f);
  return f;
}

const Proof kProofs[] = {
    {"200 with a valid body", fetch(), true, Outcome::ok, ""},
    {"a wrong media type does not make it invalid (CONTRACT 2)",
     with(fetch(), [](PolicyFetch& f) { f.content_type = "text/html"; }), true, Outcome::ok, ""},
    {"200 with a body that does not parse", fetch(kWeb, "nonsense"), true, Outcome::invalid,
     "sts-policy-invalid"},
    {"only a lenient reading: the strict one decides", fetch(kWeb, policy() + "\r\n\r\n"), true,
     Outcome::invalid, "sts-policy-invalid"},
    {"404 is absent", fetch(kWeb, "", 404), true, Outcome::absent, "sts-policy-fetch-error"},
    {"410 is absent", fetch(kWeb, "", 410), true, Outcome::absent, "sts-policy-fetch-error"},
    {"403 is unreachable", fetch(kWeb, "", 403), true, Outcome::unreachable, "sts-policy-fetch-error"},
    {"503 is unreachable", fetch(kWeb, "", 503), true, Outcome::unreachable, "sts-policy-fetch-error"},
    {"a redirect is not followed (§3.3)", fetch(kWeb, "", 301), true, Outcome::unreachable,
     "sts-policy-fetch-error"},
    {"204 is not 200", fetch(kWeb, "", 204), true, Outcome::unreachable, "sts-policy-fetch-error"},
    {"an expired certificate (§3.3)", distrusted_fetch(expired(kPolicyHost)), true, Outcome::unreachable,
     "sts-webpki-invalid"},
    {"a certificate for another name", distrusted_fetch(misnamed("www.example.com")), true,
     Outcome::unreachable, "sts-webpki-invalid"},
    {"a handshake that fails", failed_fetch(Stage::handshake, Cause::tls_alert), true, Outcome::unreachable,
     "sts-policy-fetch-error"},
    {"only below TLS 1.2 (§7.2)", old_tls(), true, Outcome::unreachable, "sts-policy-fetch-error"},
    {"refused proves a fault of the address", failed_fetch(Stage::connect, Cause::refused), false,
     Outcome::unreachable, "sts-policy-fetch-error"},
    {"reset proves a fault of the address", failed_fetch(Stage::handshake, Cause::reset), false,
     Outcome::unreachable, "sts-policy-fetch-error"},
    {"no answer at all, others answer", failed_fetch(Stage::connect, Cause::timeout), true,
     Outcome::unreachable, "sts-policy-fetch-error"},
    {"no answer at all, nobody else answers", failed_fetch(Stage::connect, Cause::timeout), false,
     Outcome::unknown, ""},
    {"accepted and stalled for 10 s", failed_fetch(Stage::handshake, Cause::timeout, 10s), false,
     Outcome::unreachable, "sts-policy-fetch-error"},
    {"accepted and stalled, had under 10 s", failed_fetch(Stage::headers, Cause::timeout, 9999ms), true,
     Outcome::unknown, ""},
    {"a bad certificate is proof, however little time there was",
     with(failed_fetch(Stage::handshake, Cause::timeout, 3s),
          [](PolicyFetch& f) { f.tls = tls(expired(kPolicyHost)); }),
     true, Outcome::unreachable, "sts-webpki-invalid"},
    {"no route from here", failed_fetch(Stage::connect, Cause::no_route), true, Outcome::unknown, ""},
    {"a fault of our own", failed_fetch(Stage::headers, Cause::local), true, Outcome::unknown, ""},
    {"told to stop", failed_fetch(Stage::body, Cause::cancelled), true, Outcome::unknown, ""},
    {"not dialled: not public", failed_fetch(Stage::connect, Cause::not_public), true, Outcome::unknown, ""},
    {"no HTTP", failed_fetch(Stage::headers, Cause::malformed), true, Outcome::unreachable,
     "sts-policy-fetch-error"},
    {"closed instead of an answer", failed_fetch(Stage::headers, Cause::closed), true, Outcome::unreachable,
     "sts-policy-fetch-error"},
    {"404 whose body stalls has said it",
     with(failed_fetch(Stage::body, Cause::timeout, 2s), [](PolicyFetch& f) { f.status = 404; }), true,
     Outcome::absent, "sts-policy-fetch-error"},
    {"a truncated body is not read, even where its start is a policy",
     with(fetch(), [](PolicyFetch& f) { f.truncated = true; }), true, Outcome::invalid, "sts-policy-invalid"},
    {"nor one over the bound (§3.3 64 KB)", with(fetch(), [](PolicyFetch& f) { f.too_large = true; }), true,
     Outcome::invalid, "sts-policy-invalid"},
    {"one in a coding that was not asked for, and was undone",
     with(fetch(),
          [](PolicyFetch& f) {
            f.content_encoding = "gzip";
            f.decoded = true;
          }),
     true, Outcome::ok, ""},
    {"an end that TLS does not vouch for", with(fetch(), [](PolicyFetch& f) { f.end_unproven = true; }), true,
     Outcome::ok, ""},
    {"a length beside chunks", with(fetch(), [](PolicyFetch& f) { f.length_and_chunked = true; }), true,
     Outcome::ok, ""},
    {"a small Diffie-Hellman key", with(fetch(), [](PolicyFetch& f) { f.tls.dh_bits = 1024; }), true,
     Outcome::ok, ""},
    {"not one in a coding that could not be undone",
     with(fetch(), [](PolicyFetch& f) { f.content_encoding = "gzip"; }), true, Outcome::invalid,
     "sts-policy-invalid"},
};

void serve(Look& l, PolicyFetch f) { l.set_fetches({std::move(f)}); }

const Row kHttp[] = {
    {"base set-up (scenario 1)", [](Look&) {}, {}},
    {"301 (scenario 9)",
     [](Look& l) {
       serve(l, with(fetch(kWeb, "", 301), [](PolicyFetch& f) { f.location = "https://www.example.com/"; }));
     },
     {"sts-policy-http-redirect mta-sts.example.com critical"}},
    {"308",
     [](Look& l) { serve(l, fetch(kWeb, "", 308)); },
     {"sts-policy-http-redirect mta-sts.example.com critical"}},
    {"304 to a plain GET is a status like others",
     [](Look& l) { serve(l, fetch(kWeb, "", 304)); },
     {"sts-policy-http-status mta-sts.example.com critical"}},
    {"404",
     [](Look& l) { serve(l, fetch(kWeb, "", 404)); },
     {"sts-policy-http-status mta-sts.example.com critical"}},
    {"500",
     [](Look& l) { serve(l, fetch(kWeb, "", 500)); },
     {"sts-policy-http-status mta-sts.example.com critical"}},
    {"refused",
     [](Look& l) { serve(l, failed_fetch(Stage::connect, Cause::refused, 1ms)); },
     {"sts-policy-connect-failed mta-sts.example.com critical"}},
    {"silent, and others answer",
     [](Look& l) { serve(l, failed_fetch(Stage::connect, Cause::timeout)); },
     {"sts-policy-connect-failed mta-sts.example.com critical"}},
    {"silent, and nobody answers (RULES 5.7)",
     [](Look& l) {
       serve(l, failed_fetch(Stage::connect, Cause::timeout));
       l.vantage.reached_443 = false;
     },
     {}},
    {"stalled after accept",
     [](Look& l) { serve(l, failed_fetch(Stage::headers, Cause::timeout, 20s)); },
     {"sts-policy-fetch-timeout mta-sts.example.com critical"}},
    {"stalled after accept, with too little time",
     [](Look& l) { serve(l, failed_fetch(Stage::headers, Cause::timeout, 5s)); },
     {}},
    {"no HTTP",
     [](Look& l) { serve(l, failed_fetch(Stage::headers, Cause::malformed)); },
     {"sts-policy-http-invalid mta-sts.example.com critical"}},
    {"endless headers",
     [](Look& l) { serve(l, failed_fetch(Stage::headers, Cause::over_budget)); },
     {"sts-policy-http-invalid mta-sts.example.com critical"}},
    {"a bad certificate is group C's", [](Look& l) { serve(l, distrusted_fetch(expired(kPolicyHost))); }, {}},
    {"a handshake failure is group C's",
     [](Look& l) { serve(l, failed_fetch(Stage::handshake, Cause::closed)); },
     {}},
    {"no address (§3.2)",
     [](Look& l) { l.no_policy_host(); },
     {"sts-policy-host-no-address mta-sts.example.com critical"}},
    {"addresses unknown: silence is not absence",
     [](Look& l) {
       l.no_policy_host();
       l.domain.policy_host = unknown_addresses(kPolicyHost);
     },
     {}},
    {"one family unknown: not proven to have none",
     [](Look& l) {
       l.no_policy_host();
       l.domain.policy_host.aaaa = unknown<AddressAnswer>(kPolicyHost);
     },
     {}},
};

const Row kBody[] = {
    {"no Content-Type (§3.2)",
     [](Look& l) { l.domain.fetches[0].content_type.reset(); },
     {"sts-policy-content-type mta-sts.example.com warning"}},
    {"application/octet-stream",
     [](Look& l) { l.domain.fetches[0].content_type = "application/octet-stream"; },
     {"sts-policy-content-type mta-sts.example.com warning"}},
    {"case and parameters do not matter",
     [](Look& l) { l.domain.fetches[0].content_type = "Text/Plain ; format=x"; },
     {}},
    {"charset utf-8",
     [](Look& l) { l.domain.fetches[0].content_type = "text/plain; charset=\"UTF-8\""; },
     {}},
    {"charset us-ascii",
     [](Look& l) { l.domain.fetches[0].content_type = "text/plain;charset=us-ascii"; },
     {}},
    {"another charset",
     [](Look& l) { l.domain.fetches[0].content_type = "text/plain; charset=utf-16"; },
     {"sts-policy-charset mta-sts.example.com info"}},
    {"the media type of an error page is no matter",
     [](Look& l) {
       serve(l, with(fetch(kWeb, "<html>", 404), [](PolicyFetch& f) { f.content_type = "text/html"; }));
     },
     {"sts-policy-http-status mta-sts.example.com critical"}},
    {"over 64 KB (§3.3)",
     [](Look& l) { l.domain.fetches[0].too_large = true; },
     {"sts-policy-too-large mta-sts.example.com critical"}},
    {"over 10 KiB: info",
     [](Look& l) { l.set_policy(policy() + "x: " + std::string(10240, 'x') + "\r\n"); },
     {"sts-policy-too-large mta-sts.example.com info"}},
    {"under 10 KiB", [](Look& l) { l.set_policy(policy() + "x: " + std::string(9000, 'x') + "\r\n"); }, {}},
    {"cut short",
     [](Look& l) { l.domain.fetches[0].truncated = true; },
     {"sts-policy-body-truncated mta-sts.example.com critical"}},
    {"gzip that nobody asked for: read, and told with those that do not decode it",
     [](Look& l) {
       l.domain.fetches[0].content_encoding = "gzip";
       l.domain.fetches[0].decoded = true;
     },
     {"sts-policy-encoded mta-sts.example.com warning"}},
    {"closed without length and close_notify: read",
     [](Look& l) { l.domain.fetches[0].end_unproven = true; },
     {"sts-policy-end-unproven mta-sts.example.com warning"}},
    {"chunks beside a length: read (RFC 9112 §6.3)",
     [](Look& l) { l.domain.fetches[0].length_and_chunked = true; },
     {"sts-policy-framing mta-sts.example.com warning"}},
    {"a 404 is one, however it is framed",
     [](Look& l) { serve(l, with(fetch(kWeb, "", 404), [](PolicyFetch& f) { f.end_unproven = true; })); },
     {"sts-policy-http-status mta-sts.example.com critical"}},
    {"a coding that could not be undone",
     [](Look& l) { l.domain.fetches[0].content_encoding = "gzip"; },
     {"sts-policy-body-truncated mta-sts.example.com critical"}},
    {"2 s are not slow", [](Look& l) { l.domain.fetches[0].duration = 2s; }, {}},
    {"over 2 s: info",
     [](Look& l) { l.domain.fetches[0].duration = 3s; },
     {"sts-policy-fetch-slow mta-sts.example.com info"}},
    {"over 4 s: warning (scenario 50)",
     [](Look& l) { l.domain.fetches[0].duration = 5s; },
     {"sts-policy-fetch-slow mta-sts.example.com warning"}},
    {"an old copy out of a cache",
     [](Look& l) { l.domain.fetches[0].age = "301"; },
     {"sts-policy-cdn-stale mta-sts.example.com info"}},
    {"a young copy out of a cache", [](Look& l) { l.domain.fetches[0].age = "300"; }, {}},
    {"caches may keep it for a day",
     [](Look& l) { l.domain.fetches[0].cache_control = "public, max-age=86400"; },
     {"sts-policy-cdn-stale mta-sts.example.com warning"}},
    {"shared caches may keep it for a minute (§8.2)",
     [](Look& l) { l.domain.fetches[0].cache_control = "max-age=86400, s-maxage=60"; },
     {}},
    {"shared caches must ask again",
     [](Look& l) { l.domain.fetches[0].cache_control = "no-cache, max-age=86400"; },
     {}},
};

const Row kSeveral[] = {
    {"two addresses alike",
     [](Look& l) {
       l.set_fetches({fetch(kWeb), fetch(kWeb2)});
     },
     {}},
    {"all addresses fail alike: the host",
     [](Look& l) {
       l.set_fetches({fetch(kWeb, "", 404), fetch(kWeb2, "", 404)});
     },
     {"sts-policy-http-status mta-sts.example.com critical"}},
    {"two bodies (§8.1; scenario 37)",
     [](Look& l) {
       l.set_fetches({fetch(kWeb), fetch(kWeb2, policy({kMx1}))});
     },
     {"sts-policy-address-inconsistent mta-sts.example.com critical"}},
    {"two bodies that list the same hosts cost no mail",
     [](Look& l) {
       l.set_fetches({fetch(kWeb), fetch(kWeb2, policy({kMx1, kMx2}, "enforce", "86400"))});
     },
     {"sts-policy-address-inconsistent mta-sts.example.com warning"}},
    {"status differs",
     [](Look& l) {
       l.set_fetches({fetch(kWeb), fetch(kWeb2, "", 503)});
     },
     {"sts-policy-address-inconsistent mta-sts.example.com warning",
      "sts-policy-http-status mta-sts.example.com 198.51.101.2 warning"}},
    {"one certificate is bad",
     [](Look& l) {
       l.set_fetches({fetch(kWeb), distrusted_fetch(expired(kPolicyHost), kWeb2)});
     },
     {"sts-policy-address-inconsistent mta-sts.example.com warning"}},
    {"one address merely down: nothing else is served there",
     [](Look& l) {
       l.set_fetches({fetch(kWeb), failed_fetch(Stage::connect, Cause::refused, 1ms, kWeb2)});
     },
     {"sts-policy-connect-failed mta-sts.example.com 198.51.101.2 warning"}},
    {"one address unknown does not agree, nor differ",
     [](Look& l) {
       l.set_fetches({fetch(kWeb, "", 404), failed_fetch(Stage::connect, Cause::no_route, 0ms, kWeb6)});
     },
     {"sts-policy-http-status mta-sts.example.com 198.51.101.1 critical"}},
    {"IPv6 refuses beside a good IPv4",
     [](Look& l) {
       l.set_fetches({fetch(kWeb), failed_fetch(Stage::connect, Cause::refused, 1ms, kWeb6)});
     },
     {"sts-policy-connect-failed mta-sts.example.com 2001:67c::1 warning",
      "sts-policy-ipv6-broken mta-sts.example.com 2001:67c::1 warning"}},
    {"IPv6 fails where this vantage has none: not told of IPv6",
     [](Look& l) {
       l.set_fetches({fetch(kWeb), failed_fetch(Stage::connect, Cause::no_route, 0ms, kWeb6)});
       l.vantage.ipv6 = false;
     },
     {}},
    {"both families fail: no matter of IPv6",
     [](Look& l) {
       l.set_fetches({fetch(kWeb, "", 404), fetch(kWeb6, "", 404)});
     },
     {"sts-policy-http-status mta-sts.example.com critical"}},
};

const Row kGateRows[] = {
    {"no record in any spelling: not judged (RULES 3.2 A)",
     [](Look& l) {
       l.no_record();
       l.set_fetches({fetch(kWeb, "", 404)});
     },
     {}},
    {"an invalid record: judged all the same (RULES 3.1)",
     [](Look& l) {
       l.set_record({"v=STSv1; id=a-b"});
       l.set_fetches({fetch(kWeb, "", 404)});
     },
     {"sts-policy-http-status mta-sts.example.com critical"}},
    {"live mode none: info",
     [](Look& l) {
       l.set_fetches({fetch(kWeb, policy({kMx1, kMx2}, "none"))});
       l.domain.fetches[0].content_type.reset();
     },
     {"sts-policy-content-type mta-sts.example.com info"}},
};

}  // namespace

TEST_CASE("what one fetch proves (RULES 5.7, CONTRACT 2)") {
  for (const Proof& row : kProofs) {
    CAPTURE(row.why);
    Vantage vantage;
    vantage.reached_443 = row.reached_443;
    const auto copy = classify(row.fetch, vantage, kNow);
    CHECK(copy.outcome == row.outcome);
    CHECK(copy.result_type == row.result_type);
    CHECK(copy.detail.empty() == (row.outcome == Outcome::ok));
    CHECK((copy.reading != nullptr) ==
          (!row.fetch.failure && row.fetch.status == 200 && !row.fetch.truncated && !row.fetch.too_large &&
           (!row.fetch.content_encoding || row.fetch.decoded)));
  }
}

TEST_CASE("how the fetch ends (RULES 3.2 B)") { CHECK_ROWS(judge_fetch, kHttp); }
TEST_CASE("what a 200 says (RULES 3.2 B)") { CHECK_ROWS(judge_fetch, kBody); }
TEST_CASE("several addresses (CONTRACT 2 subject; RULES 3.2 B)") { CHECK_ROWS(judge_fetch, kSeveral); }
TEST_CASE("when the fetch is judged") { CHECK_ROWS(judge_fetch, kGateRows); }

TEST_CASE("details carry the values seen") {
  auto look = base();
  look.set_fetches({fetch(kWeb, "", 301)});
  look.domain.fetches[0].location = "https://www.example.com/mta-sts.txt";
  CHECK(judged(look, judge_fetch)[0].detail.find("https://www.example.com/mta-sts.txt") != std::string::npos);
  look.set_fetches({fetch(kWeb, "", 429)});
  CHECK(judged(look, judge_fetch)[0].detail.find("429") != std::string::npos);
  look.set_fetches({fetch(kWeb, "", 404), fetch(kWeb2, "", 403)});
  const auto differing = judged(look, judge_fetch)[0].detail;
  CHECK(differing.find("198.51.101.2: status 403") != std::string::npos);
}

TEST_CASE("the usual fetch: of few the slowest but one, of many the 95th of a hundred; one says nothing") {
  struct Row {
    std::vector<int> ms;
    int usual;
    const char* words;
  };
  std::vector<int> nineteen(18, 80), twenty(18, 80);
  nineteen.push_back(3000);
  twenty.insert(twenty.end(), {3000, 5000});
  const Row rows[] = {
      {{5000}, -1, ""},
      {{80, 5000}, 80, "all but the slowest of 2 fetches took up to 80 ms"},
      {{5000, 3000, 80}, 3000, "all but the slowest of 3 fetches took up to 3000 ms"},
      {nineteen, 80, "all but the slowest of 19 fetches took up to 80 ms"},
      {twenty, 3000, "95 % of the fetches in 24 h took up to 3000 ms"},
  };
  for (const auto& row : rows) {
    Past past;
    for (const int ms : row.ms)
      past.fetches.push_back({kNow, true, Millis{ms}});
    past.fetches.push_back({kNow, false, Millis{60000}});  // a failed one has no time of its own
    const auto usual = usual_fetch(past);
    CAPTURE(row.words);
    CHECK((usual ? usual->time.count() : -1) == row.usual);
    if (usual) CHECK(usual->in_words() == row.words);
  }
}

}  // namespace stswatch::facts
