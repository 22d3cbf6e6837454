// The MX set, its names and its addresses.
#include "checks/judge/catalogue/catalogue.h"

namespace stswatch::catalogue_tables {
namespace {

using enum Severity;
constexpr std::nullopt_t kNever = std::nullopt;

/// That the MX set is gone says it all.
constexpr std::string_view kMxGone[] = {"mx-became-null", "mx-vanished"};
/// Where nobody can deliver, no advice about the policy helps.
constexpr std::string_view kNobodyServes[] = {"mx-all-down"};
constexpr std::string_view kMxGoneOrDown[] = {"mx-became-null", "mx-vanished", "mx-all-down"};

constexpr Basis kSet = Basis::all_of({Ground::mx_set});
constexpr Basis kHost = Basis::all_of({Ground::subject_host}).shown_at_host();
constexpr Telling kToldAsMx{Nature{.family = Family::delivery,
                                   .aspect = Aspect::mx,
                                   .claim = Claim::cause,
                                   .of_host = false,
                                   .headline = Headline::title}};
constexpr Telling kToldAsReach{Nature{.family = Family::delivery,
                                      .aspect = Aspect::reach,
                                      .claim = Claim::cause,
                                      .of_host = true,
                                      .headline = Headline::title}};
constexpr Telling kToldAsMatch{Nature{.family = Family::delivery,
                                      .aspect = Aspect::match,
                                      .claim = Claim::cause,
                                      .of_host = false,
                                      .headline = Headline::title}};
constexpr Beside kBesideMx = Beside::anything().needs_mx();
constexpr Beside kBesideMxThatIsThere = Beside::anything().and_not_where(kMxGone).needs_mx();
constexpr Beside kBesideMxThatServes = Beside::anything().and_not_where(kMxGoneOrDown).needs_mx();

constexpr CatalogueEntry kMxRows[] = {
    {.code = "mx-none-in-policy",
     .theme = Theme::mx,
     .severity = {kNever, warning, critical},
     .route = Route::page,
     .reported_as = ResultType::certificate_host_mismatch,
     .title = "No MX host is listed in the policy",
     .effect = "Senders that hold MX names against the policy skip each of the hosts if they enforce: they "
               "defer the mail and bounce it when their queue gives up, some from one day on. In testing "
               "they deliver and report.",
     .fix = "Add an \"mx:\" line for every MX host of {domain} to the policy file, verify it at every "
            "address, then publish \"v=STSv1; id={new_id};\" at {record}. If the right list takes time, do "
            "the same with \"mode: testing\" at once.",
     .reference = "RFC 8461 §4.1, RFC 8461 §5",
     .rests_on = kSet,
     .told = kToldAsMatch,
     .beside = kBesideMxThatServes,
     .on_text = OnText::neither,
     .advice = Theme::mx},
    {.code = "mx-not-in-policy",
     .theme = Theme::mx,
     .severity = {kNever, warning, critical},
     .route = Route::ticket,
     .reported_as = ResultType::certificate_host_mismatch,
     .title = "An MX host is not listed in the policy",
     .effect =
         "Senders that hold MX names against the policy skip {host} if they enforce, and turn to the other "
         "hosts; mail is slower, and waits when those are busy or down. In testing they deliver and report.",
     .fix = "If {host} is meant to take mail for {domain}, whoever runs it, add \"mx: {host}\" to the policy "
            "file, verify it at every address, then publish \"v=STSv1; id={new_id};\" at {record}. Only a "
            "host that nobody knows of should leave the MX set. Next time list a host before DNS names it.",
     .reference = "RFC 8461 §4.1, RFC 8461 §5, RFC 8461 §8.4",
     .rests_on = kSet,
     .told = kToldAsMatch,
     .beside = Beside::anything().needs_mx().says_why_skipped(),
     .on_text = OnText::neither,
     .advice = Theme::mx},
    {.code = "mx-backup-invalid",
     .theme = Theme::mx,
     .severity = {kNever, warning, critical},
     .route = Route::ticket,
     .reported_as = ResultType::none,
     .title = "A backup MX host fails where the primary passes",
     .effect = "Nothing shows while the primary is up. When it is down, senders that enforce cannot use "
               "{host} and mail waits.",
     .fix = "Repair what the finding beside this one says about {host}.",
     .reference = "RFC 8461 §8.4",
     .rests_on = Basis::any_of({Ground::mx_set, Ground::subject_host}).shown_at_host(),
     .told = Nature{.family = Family::delivery,
                    .aspect = Aspect::backup,
                    .claim = Claim::symptom,
                    .of_host = false,
                    .headline = Headline::title},
     .beside = Beside::anything().and_not_where(kNobodyServes).needs_mx().needs_why_skipped(),
     .on_text = OnText::neither,
     .advice = Theme::mx},
    {.code = "mx-missing",
     .theme = Theme::mx,
     .severity = {warning, warning, warning},
     .route = Route::ticket,
     .reported_as = ResultType::none,
     .title = "The domain has an address but no MX record",
     .effect = "Senders deliver to the address of {domain} itself, and a policy has to list that very name. "
               "Some of them may not cope with this together with MTA-STS.",
     .fix =
         "Publish an MX record that names the mail host. With MTA-STS the policy lists it first: stswatch "
         "plan {domain} --mx HOST, once for each host of the whole new set, gives the steps and their waits.",
     .reference = "RFC 5321 §5.1, RFC 8461 §4.1",
     .rests_on = kSet,
     .told = kToldAsMx,
     .beside = kBesideMxThatIsThere,
     .on_text = OnText::neither,
     .advice = Theme::mx},
    {.code = "mx-null",
     .theme = Theme::mx,
     .severity = {info, info, info},
     .route = Route::log,
     .reported_as = ResultType::none,
     .title = "The domain has a null MX: it takes no mail",
     .effect = "Senders return mail for {domain} at once, as its null MX asks them to.",
     .fix = "Nothing to do. If an enforce policy is left over, replace it by \"mode: none\", verify every "
            "address, then publish a new id.",
     .reference = "RFC 7505",
     .rests_on = kSet,
     .told = kToldAsMx,
     .beside = Beside::anything().and_not_where(kMxGone),
     .on_text = OnText::neither,
     .advice = Theme::mx},
    {.code = "mx-target-no-address",
     .theme = Theme::mx,
     .severity = {warning, warning, critical},
     .route = Route::ticket,
     .reported_as = ResultType::none,
     .title = "An MX host has no address",
     .effect = "Senders cannot reach {host} and try the next MX host; where there is none, some return the "
               "mail at once, others queue it first.",
     .fix = "Correct the name in the MX record, or give {host} A and AAAA records. If the name belongs to a "
            "domain that has lapsed remove the record at once, for whoever registers that domain can take "
            "over the host.",
     .reference = "RFC 5321 §5.1",
     .rests_on = kHost,
     .told = kToldAsReach,
     .beside = kBesideMx,
     .on_text = OnText::neither,
     .advice = Theme::mx},
    {.code = "mx-host-dns-error",
     .theme = Theme::mx,
     .severity = {warning, warning, critical},
     .route = Route::ticket,
     .reported_as = ResultType::none,
     .title = "An MX host's addresses cannot be looked up",
     .effect = "Senders find no address of {host}, with or without MTA-STS: they try the next MX host, and "
               "queue the mail where there is none.",
     .fix = "Ask each name server of the zone that {host} is in by itself: dig A {host} @SERVER. One that "
            "refuses does not serve the zone: load it there, or take the server out of the delegation.",
     .reference = "RFC 5321 §5.1, RFC 1034 §4.3.1",
     .rests_on = Basis::all_of({Ground::subject_host}).shown_at_host().by_repetition(),
     .told = kToldAsReach,
     .beside = kBesideMx,
     .on_text = OnText::neither,
     .advice = Theme::mx},
    {.code = "mx-beside-null",
     .theme = Theme::mx,
     .severity = {warning, warning, warning},
     .route = Route::ticket,
     .reported_as = ResultType::none,
     .title = "A null MX stands beside other MX records",
     .effect = "It says that {domain} takes no mail, while the other records say that it does: senders may "
               "return mail at once, or pass it over.",
     .fix = "Delete the null MX (\"MX 0 .\") at {domain}; if the domain is meant to take no mail, delete the "
            "other MX records instead. The policy plays no part in this.",
     .reference = "RFC 7505 §3",
     .rests_on = kSet,
     .told = kToldAsMx,
     .beside = kBesideMx,
     .on_text = OnText::neither,
     .advice = Theme::mx},
    {.code = "mx-target-cname",
     .theme = Theme::mx,
     .severity = {warning, warning, warning},
     .route = Route::ticket,
     .reported_as = ResultType::none,
     .title = "An MX host is an alias (CNAME)",
     .effect = "This is not allowed. Senders differ in which of the two names they look for in policy and "
               "certificate, so under enforce some may skip {host}.",
     .fix = "Give {host} address records of its own, or let the MX record name the alias's target. MX "
            "record, policy and certificate must all show one name; for a new one stswatch plan {domain} "
            "--mx HOST, once for each host of the whole new set, gives the steps and their waits.",
     .reference = "RFC 2181 §10.3, RFC 5321 §5.1, RFC 8461 §4.1",
     .rests_on = kHost,
     .told = kToldAsReach,
     .beside = kBesideMx,
     .on_text = OnText::neither,
     .advice = Theme::mx},
    {.code = "mx-target-is-address",
     .theme = Theme::mx,
     .severity = {warning, warning, critical},
     .route = Route::ticket,
     .reported_as = ResultType::none,
     .title = "An MX record holds an address where a name belongs",
     .effect = "No policy and no certificate can match it. Senders pass it over and try the next MX host.",
     .fix = "Create a host name with A and AAAA records and let the MX record name it; where there is a "
            "policy, stswatch plan {domain} --mx HOST, once for each host of the whole new set, gives the "
            "steps and their waits. Some DNS editors turn an address typed here into a name without warning.",
     .reference = "RFC 5321 §5.1",
     .rests_on = kHost,
     .told = kToldAsReach,
     .beside = kBesideMx,
     .on_text = OnText::neither,
     .advice = Theme::mx},
    {.code = "mx-dns-error",
     .theme = Theme::mx,
     .severity = {critical, critical, critical},
     .route = Routing(Route::page).in_every_mode().only_if_it_was_good(),
     .reported_as = ResultType::none,
     .title = "The name service for the domain fails",
     .effect = "Senders that get the same answer cannot look up the MX set: they queue the mail, with or "
               "without MTA-STS, and return it after a day or more.",
     .fix = "Ask each name server of {domain} by itself: dig MX {domain} @SERVER. A server that refuses does "
            "not serve the zone: load it there, or take the server out of the delegation. Where validation "
            "fails, compare the DS record in the parent zone with the keys, and renew the signatures.",
     .reference = "RFC 5321 §5.1, RFC 4035 §5.5",
     .rests_on = Basis::all_of({Ground::mx_set}).by_repetition(),
     .told = kToldAsMx,
     .beside = kBesideMx,
     .on_text = OnText::neither,
     .advice = Theme::mx},
    {.code = "mx-ns-inconsistent",
     .theme = Theme::mx,
     .severity = {info, warning, warning},
     .route = Route::ticket,
     .reported_as = ResultType::none,
     .title = "Name servers give different MX sets",
     .effect = "Part of the mail follows the other set, which the policy may not allow.",
     .fix = "Bring all name servers of {domain} to the same version of the zone before you touch policy or "
            "id: check NOTIFY and zone transfers, and whether a former provider still answers.",
     .reference = "RFC 8461 §8.1, RFC 1034 §4.3.5",
     .rests_on = kSet,
     .told = kToldAsMx,
     .beside = kBesideMx,
     .on_text = OnText::neither,
     .advice = Theme::mx},
    {.code = "mx-ttl-long",
     .theme = Theme::mx,
     .severity = {kNever, info, info},
     .route = Route::log,
     .reported_as = ResultType::none,
     .title = "The TTL of the MX record is long",
     .effect = "Nothing today. After a move, senders can use the old MX set for as long as this TTL.",
     .fix = "Lower the TTL of the MX record to 3600 seconds. Before a move lower it to 300, at least one "
            "old TTL ahead.",
     .reference = "RFC 8461 §8.1",
     .rests_on = kSet,
     .told = kToldAsMx,
     .beside = kBesideMx,
     .on_text = OnText::neither,
     .advice = Theme::mx},
    {.code = "mx-unreachable",
     .theme = Theme::mx,
     .severity = {info, warning, critical},
     .route = Route::ticket,
     .reported_as = ResultType::none,
     .title = "An MX host cannot be reached on port 25",
     .effect = "Senders try the next MX host; where there is none they defer. TLS reports do not show this, "
               "since it is no failure of MTA-STS.",
     .fix = "Start the mail server at {subject} and open port 25 to the Internet; if other MX hosts remain "
            "and this one is not coming back, take it out of the MX set. Where others can connect and this "
            "agent cannot, allow the agent's address.",
     .reference = "RFC 8461 §8.4, RFC 5321 §4.5.4.1",
     .rests_on = Basis::all_of({Ground::subject_host}).shown_at_host().by_repetition(),
     .told = kToldAsReach,
     .beside = kBesideMx,
     .on_text = OnText::neither,
     .advice = Theme::mx},
    {.code = "mx-address-inconsistent",
     .theme = Theme::mx,
     .severity = {kNever, warning, critical},
     .route = Route::ticket,
     .reported_as = ResultType::none,
     .title = "The addresses of an MX host differ in STARTTLS or certificate",
     .effect = "It depends on the address a sender picks. On a bad one, senders that enforce go on to "
               "another address or defer.",
     .fix = "Put the same certificate and TLS settings on every node of {host}; the detail lists the "
            "failing addresses. Look first at the IPv6 listener and the second site, which renewals often "
            "miss.",
     .reference = "RFC 8461 §4.2",
     .rests_on = kHost,
     .told = kToldAsReach,
     .beside = kBesideMx,
     .on_text = OnText::neither,
     .advice = Theme::mx},
    {.code = "mx-ipv6-broken",
     .theme = Theme::mx,
     .severity = {kNever, info, warning},
     .route = Route::ticket,
     .reported_as = ResultType::none,
     .title = "An MX host fails over IPv6",
     .effect = "Senders that prefer IPv6 fall back to IPv4: at once where the connection is refused, after a "
               "time-out where nothing answers, so that their mail is late.",
     .fix = "Repair the IPv6 side of {host} (listener, firewall, route), or withdraw its AAAA record.",
     .reference = "RFC 5321 §5.1",
     .rests_on = kHost,
     .told = kToldAsReach,
     .beside = kBesideMx,
     .on_text = OnText::neither,
     .advice = Theme::mx},
    {.code = "mx-single",
     .theme = Theme::mx,
     .severity = {info, info, info},
     .route = Route::log,
     .reported_as = ResultType::none,
     .title = "Only one MX host is usable",
     .effect = "None while it is healthy. When it fails its checks, senders that enforce have no other host "
               "and their mail waits.",
     .fix = "You may want another MX host whose certificate renews on a different date, listed in the "
            "policy before it appears in DNS. With hosted mail a single name of the provider is normal.",
     .reference = "RFC 8461 §8.4",
     .rests_on = kSet,
     .told = kToldAsMx,
     .beside = Beside::anything().and_not_where(kNobodyServes).needs_mx(),
     .on_text = OnText::neither,
     .advice = Theme::mx},
    {.code = "mx-all-down",
     .theme = Theme::mx,
     .severity = {critical, critical, critical},
     .route = Routing(Route::page).in_every_mode(),
     .reported_as = ResultType::none,
     .title = "None of the MX hosts takes mail, as seen from here",
     .effect = "Senders that meet what this agent met reach no mail server of {domain}, with or without "
               "MTA-STS: mail waits in their queues, and comes back from one day on with some senders, after "
               "five days with others.",
     .fix = "Bring a mail server of {domain} up, reachable on port 25 at an address that its MX record leads "
            "to. The MTA-STS policy plays no part in this: leave it as it is.",
     .reference = "RFC 5321 §5.1, §4.5.4.1",
     .rests_on = kSet,
     .told = kToldAsMx,
     .beside = kBesideMx,
     .on_text = OnText::neither,
     .advice = Theme::mx},
};

}  // namespace

std::span<const CatalogueEntry> mx() { return kMxRows; }

}  // namespace stswatch::catalogue_tables
