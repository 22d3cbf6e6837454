// Group P: advice for known providers (RULES 3.2 P, 3.4), beside the generic codes.
#include <doctest/doctest.h>

#include "tests/judge/facts_builder.h"

namespace stswatch::facts {
namespace {

void serve(Look& look, std::initializer_list<std::string> hosts,
           std::initializer_list<std::string_view> patterns, std::string_view mode = "enforce") {
  look.mx.clear();
  look.domain.mx.records.clear();
  for (const auto& host : hosts) {
    look.domain.mx.records.push_back({static_cast<std::uint16_t>(look.domain.mx.records.size()), host});
    look.set_mx(mx_host(host, {probe(kMail1, host)}));
  }
  look.set_policy(policy(patterns, mode));
}

const Row kGoogle[] = {
    {"only the primary is listed (scenario 38)",
     [](Look& l) {
       serve(l, {"aspmx.l.google.com", "alt1.aspmx.l.google.com"}, {"aspmx.l.google.com"});
     },
     {"provider-google-mx-incomplete example.com critical"}},
    {"in testing",
     [](Look& l) {
       serve(l, {"aspmx.l.google.com", "alt1.aspmx.l.google.com"}, {"aspmx.l.google.com"}, "testing");
     },
     {"provider-google-mx-incomplete example.com warning"}},
    {"the old names are not listed",
     [](Look& l) {
       serve(l, {"aspmx.l.google.com", "aspmx2.googlemail.com"},
             {"aspmx.l.google.com", "*.aspmx.l.google.com"});
     },
     {"provider-google-mx-incomplete example.com critical"}},
    {"as recommended",
     [](Look& l) {
       serve(l, {"aspmx.l.google.com", "alt1.aspmx.l.google.com", "aspmx2.googlemail.com"},
             {"aspmx.l.google.com", "*.aspmx.l.google.com", "*.googlemail.com"});
     },
     {}},
    {"smtp.google.com, policy of the classic names (scenario 39)",
     [](Look& l) {
       serve(l, {"smtp.google.com"}, {"aspmx.l.google.com", "*.aspmx.l.google.com"});
     },
     {"provider-google-mx-switched example.com critical"}},
    {"the reverse",
     [](Look& l) {
       serve(l, {"aspmx.l.google.com", "alt1.aspmx.l.google.com"}, {"smtp.google.com"});
     },
     {"provider-google-mx-switched example.com critical"}},
    {"smtp.google.com, listed", [](Look& l) { serve(l, {"smtp.google.com"}, {"smtp.google.com"}); }, {}},
    {"matched by a wider pattern than advised",
     [](Look& l) { serve(l, {"smtp.google.com"}, {"*.google.com"}); },
     {"provider-policy-mismatch example.com info"}},
};

const Row kMicrosoft365[] = {
    {"classic, as Microsoft documents (scenario 41)",
     [](Look& l) {
       serve(l, {"example-com.mail.protection.outlook.com"}, {"*.mail.protection.outlook.com"});
     },
     {}},
    {"classic, the exact host",
     [](Look& l) {
       serve(l, {"example-com.mail.protection.outlook.com"}, {"example-com.mail.protection.outlook.com"});
     },
     {}},
    {"classic, another tenant's name",
     [](Look& l) {
       serve(l, {"example-com.mail.protection.outlook.com"}, {"yourdomain-com.mail.protection.outlook.com"});
     },
     {"provider-m365-pattern-wrong example.com critical"}},
    {"two labels before mx.microsoft (scenario 40)",
     [](Look& l) { serve(l, {"contoso-com.o-v1.mx.microsoft"}, {"*.mx.microsoft"}); },
     {"provider-m365-mx-microsoft-wildcard example.com critical"}},
    {"two labels, beside the classic pattern (worked example 14)",
     [](Look& l) {
       serve(l, {"contoso-com.o-v1.mx.microsoft"}, {"*.mail.protection.outlook.com", "*.mx.microsoft"});
     },
     {"provider-m365-mx-microsoft-wildcard example.com critical"}},
    {"the letter of its own MX",
     [](Look& l) { serve(l, {"contoso-com.o-v1.mx.microsoft"}, {"*.o-v1.mx.microsoft"}); },
     {}},
    {"both families in the MX set",
     [](Look& l) {
       serve(l, {"contoso-com.o-v1.mx.microsoft", "contoso-com.mail.protection.outlook.com"},
             {"*.o-v1.mx.microsoft", "*.mail.protection.outlook.com"});
     },
     {"provider-m365-migration example.com info"}},
};

const Row kOthers[] = {
    {"own servers", [](Look&) {}, {}},
    {"a filter in front, the policy names what is behind (scenario 42)",
     [](Look& l) { serve(l, {"mx0a-001.pphosted.com"}, {"*.mail.protection.outlook.com"}); },
     {"provider-gateway-mismatch example.com critical"}},
    {"the reverse: the policy names a filter that is not in front",
     [](Look& l) { serve(l, {"example-com.mail.protection.outlook.com"}, {"*.pphosted.com"}); },
     {"provider-gateway-mismatch example.com critical"}},
    {"a filter in front, and listed",
     [](Look& l) { serve(l, {"eu-smtp-inbound-1.mimecast.com"}, {"*.mimecast.com"}); },
     {}},
    {"a name that merely ends alike",
     [](Look& l) { serve(l, {"mx.notpphosted.com"}, {"*.mail.protection.outlook.com"}); },
     {}},
    {"Proton",
     [](Look& l) {
       serve(l, {"mail.protonmail.ch", "mailsec.protonmail.ch"},
             {"mail.protonmail.ch", "mailsec.protonmail.ch"});
     },
     {"provider-proton example.com info"}},
    {"Fastmail",
     [](Look& l) {
       serve(l, {"in1-smtp.messagingengine.com", "in2-smtp.messagingengine.com"}, {"*.messagingengine.com"});
     },
     {"provider-fastmail example.com info"}},
    {"null MX", [](Look& l) { l.null_mx(); }, {}},
    {"mode none excludes nobody",
     [](Look& l) { serve(l, {"smtp.google.com"}, {"aspmx.l.google.com"}, "none"); },
     {}},
    {"without a usable record nothing is in effect",
     [](Look& l) {
       serve(l, {"smtp.google.com"}, {"aspmx.l.google.com"});
       l.no_record();
     },
     {}},
};

}  // namespace

TEST_CASE("group P: Google") { CHECK_ROWS(judge_provider, kGoogle); }
TEST_CASE("group P: Microsoft 365") { CHECK_ROWS(judge_provider, kMicrosoft365); }
TEST_CASE("group P: filters and others") { CHECK_ROWS(judge_provider, kOthers); }

}  // namespace stswatch::facts
