// Group K: the TLSRPT record at _smtp._tls.D.
#include <doctest/doctest.h>

#include "tests/judge/facts_builder.h"

namespace stswatch::facts {
namespace {

const std::string kName = "_smtp._tls.example.com";

void set(Look& l, std::initializer_list<std::string_view> records) { l.domain.tlsrpt = txt(kName, records); }

const Row kRows[] = {
    {"base set-up (scenario 1)", [](Look&) {}, {}},
    {"NXDOMAIN (§3)", [](Look& l) { l.no_tlsrpt(); }, {"tlsrpt-missing _smtp._tls.example.com warning"}},
    {"strangers only: discarded (§3)",
     [](Look& l) { set(l, {"v=spf1 -all"}); },
     {"tlsrpt-missing _smtp._tls.example.com warning"}},
    {"a stranger beside the record",
     [](Look& l) {
       set(l, {kTlsrpt, "v=spf1 -all"});
     },
     {}},
    {"silence is not absence", [](Look& l) { l.domain.tlsrpt = unknown<TxtAnswer>(kName); }, {}},
    {"two records (§3 not one)",
     [](Look& l) {
       set(l, {kTlsrpt, "v=TLSRPTv1; rua=https://r.example.net/"});
     },
     {"tlsrpt-multiple _smtp._tls.example.com warning"}},
    {"version in lower case (§3 %s): the one cause",
     [](Look& l) { set(l, {"v=tlsrptv1; rua=mailto:a@example.net"}); },
     {"tlsrpt-syntax-invalid _smtp._tls.example.com warning"}},
    {"no semicolon behind the version (RULES 3.1)",
     [](Look& l) { set(l, {"v=TLSRPTv1 rua=mailto:a@example.net"}); },
     {"tlsrpt-syntax-invalid _smtp._tls.example.com warning"}},
    {"no rua (§3 required)",
     [](Look& l) { set(l, {"v=TLSRPTv1; x=1"}); },
     {"tlsrpt-rua-missing _smtp._tls.example.com warning"}},
    {"a bare address",
     [](Look& l) { set(l, {"v=TLSRPTv1; rua=a@example.net"}); },
     {"tlsrpt-rua-scheme _smtp._tls.example.com warning"}},
    {"plain http (§3 two schemes)",
     [](Look& l) { set(l, {"v=TLSRPTv1; rua=http://r.example.net/"}); },
     {"tlsrpt-rua-scheme _smtp._tls.example.com warning"}},
    {"a DMARC size suffix (§3 MUST be encoded)",
     [](Look& l) { set(l, {"v=TLSRPTv1; rua=mailto:a@example.net!10m"}); },
     {"tlsrpt-rua-encoding _smtp._tls.example.com warning"}},
    {"the only address is at the domain",
     [](Look& l) { set(l, {"v=TLSRPTv1; rua=mailto:tls@Example.COM"}); },
     {"tlsrpt-rua-same-domain _smtp._tls.example.com info"}},
    {"all addresses are at the domain",
     [](Look& l) { set(l, {"v=TLSRPTv1; rua=mailto:a@example.com,mailto:b@example.com?subject=x"}); },
     {"tlsrpt-rua-same-domain _smtp._tls.example.com info"}},
    {"a second address elsewhere",
     [](Look& l) { set(l, {"v=TLSRPTv1; rua=mailto:a@example.com,https://r.example.net/tls"}); },
     {}},
    {"an https URL at the domain is no mailbox there",
     [](Look& l) { set(l, {"v=TLSRPTv1; rua=https://reports.example.com/tls"}); },
     {}},
    {"a mailbox at a sub-domain is not at the domain itself",
     [](Look& l) { set(l, {"v=TLSRPTv1; rua=mailto:a@reports.example.com"}); },
     {}},
    {"live mode none: info (scenario 2)",
     [](Look& l) {
       l.no_tlsrpt();
       l.no_record();
       l.no_policy_host();
     },
     {"tlsrpt-missing _smtp._tls.example.com info"}},
};

}  // namespace

TEST_CASE("the TLSRPT record (RFC 8460 §3, RULES 3.2 K)") { CHECK_ROWS(judge_tlsrpt, kRows); }

}  // namespace stswatch::facts
