#include "checks/judge/catalogue/finding.h"

#include <algorithm>
#include <iterator>

namespace stswatch {
namespace {

using enum Situation;

/// RFC 8461 §3.2, RFC 5280 §4.2.1.6: patterns and DNS names are made of letters, digits and hyphens.
constexpr std::string_view kRename =
    "Give the host a name without an underscore, with addresses and a certificate for it: neither a policy "
    "nor a public certificate can hold {value}. List the new name in the policy file, verify it at every "
    "address, publish \"v=STSv1; id={new_id};\" at {record}, and then let the MX record name it.";

constexpr std::string_view kOthersListed =
    "Senders that hold MX names against the policy skip {value} if they enforce, and use the MX hosts that "
    "are listed; mail waits when those are down. In testing they deliver and report.";

constexpr std::string_view kLeftOver =
    "Delete the MX record of {value} at {domain}: it stands there from the set-up of Google Workspace, "
    "where it proved that the domain is yours, and takes no mail. The policy need not list it.";

constexpr std::string_view kNoMailNow = "none: as seen from here no mail can be delivered to {domain} now";
constexpr std::string_view kFirstTheMail =
    "nothing to do now: first mend what keeps mail away, which the finding beside this one names";

/// RFC 7672 §2.2.
constexpr std::string_view kBoundByDane =
    "Senders that do DANE find TLSA records of {host} that they can use, and never deliver there without "
    "TLS: they skip it, and defer where no other host is left. So do those that enforce an MTA-STS policy. "
    "Others fall back to clear text, or try again later.";

constexpr std::string_view kSingle =
    "None while it is healthy. When it is down there is no other host, and mail waits.";

constexpr std::string_view kTestedNone =
    "No host in the MX records is listed. Mail is delivered: senders that test the policy report each of "
    "the hosts. Under enforce they would defer mail for {domain}.";
constexpr std::string_view kTestedSome =
    "Mail is delivered: senders that test the policy report the hosts left out. Under enforce they would "
    "skip them.";

/// Under testing, and where no policy asks for anything (RFC 8461 §5).
constexpr std::string_view kReported =
    "Mail is delivered at {subject}: senders that test the policy report it. Under enforce they would skip "
    "{where}.";
constexpr std::string_view kTaken =
    "Mail is delivered at {subject}: no MTA-STS policy asks senders for a good certificate, so that they "
    "take this one as they take any. Under an enforce policy they would skip {where}.";
constexpr std::string_view kReportedLater =
    "None yet. Once it has expired, senders that test the policy report {subject}; under enforce they would "
    "skip {where}.";
constexpr std::string_view kTakenLater =
    "None yet, nor later while no MTA-STS policy asks senders for a good certificate. Under an enforce "
    "policy they would skip {where} once it has expired.";
constexpr std::string_view kFallBack =
    "Senders as a rule fall back to clear text at {subject}, or try again later.";
constexpr std::string_view kFallBackReported =
    "Senders as a rule fall back to clear text at {subject}, or try again later; those that test the policy "
    "report it. Under enforce they would skip {where}.";
constexpr std::string_view kOldOrClear =
    "Senders may fall back to the old version or to clear text at {subject}.";
constexpr std::string_view kOldOrClearReported =
    "Senders may fall back to the old version or to clear text at {subject}; those that test the policy "
    "report it. Under enforce they would skip {where}.";

constexpr SituationTexts kTexts[] = {
    {"sts-not-deployed", takes_no_mail, "none: {domain} takes no mail",
     "nothing to do: the null MX says that {domain} takes no mail, and there is nothing to protect"},
    {"mx-none-in-policy", tests,
     "Mail is delivered: senders that test the policy report each of the hosts as a failure. Under enforce "
     "they would skip each of them, and defer.",
     "Before the mode becomes enforce add an \"mx:\" line for every MX host of {domain} to the policy "
     "file, verify it at every address, then publish \"v=STSv1; id={new_id};\" at {record}."},
    {"provider-google-mx-switched", tests, kTestedNone, ""},
    {"provider-gateway-mismatch", tests, kTestedNone, ""},
    {"provider-google-mx-incomplete", tests, kTestedSome, ""},
    {"provider-m365-pattern-wrong", tests, kTestedSome, ""},
    {"provider-m365-mx-microsoft-wildcard", tests, kTestedSome, ""},
    {"mx-not-in-policy", tests,
     "Mail is delivered: senders that test the policy report {host} as a failure. Under enforce they would "
     "skip it.",
     ""},
    {"mx-backup-invalid", tests,
     "Nothing shows while the primary is up. Senders that test the policy report {host} when they use it; "
     "under enforce they could not.",
     ""},
    {"mx-none-in-policy", underscore, "", kRename},
    {"mx-not-in-policy", underscore, "", kRename},
    {"certificate-host-mismatch", underscore, "", kRename},
    {"sts-policy-mx-invalid-pattern", underscore,
     "Strict senders refuse the whole policy and, unless they hold an earlier one, deliver unprotected. "
     "Others take the name as it is written.",
     kRename},
    {"sts-policy-mx-invalid-pattern", stops_postfix,
     "{who} defers the mail it has for {domain} now, whatever else the policy lists; bounces come after as "
     "long as it keeps mail, five days by default. Strict senders "
     "refuse the policy and, unless they hold an earlier one, deliver unprotected. Others find no host for "
     "the line.",
     ""},
    {"sts-policy-host-no-address", dangling_alias, "",
     "The CNAME at {policy_host} leads to {value}, which has no address: restore it there, or point "
     "{policy_host} at a server of yours. If the name is free at the provider, or its domain unregistered, "
     "delete the CNAME without delay: whoever takes it can get a certificate for {policy_host} and serve a "
     "policy for {domain}."},
    {"enforce-breakage-now", some_copies, "",
     "Put the policy file that the other addresses of {policy_host} serve at {value} too, and purge what "
     "caches it. Verify each address, then publish \"v=STSv1; id={new_id};\" at {record}: senders that "
     "look at the id fetch again within one TTL of the record."},
    {"enforce-breakage-now", no_other_copy, "",
     "Correct the policy file at {value}: list every MX host of {domain}. Verify each address, then "
     "publish \"v=STSv1; id={new_id};\" at {record}: senders that look at the id fetch again within one "
     "TTL of the record."},
    {"enforce-breakage-now", no_fetch, "",
     "The detail and the findings beside this one say why each host is skipped: mend that. No change of the "
     "policy reaches a sender before {policy_host} serves it again. If the hosts take longer, mend "
     "{policy_host} first, then set \"mode: testing\" with the same mx lines, verify the file at every "
     "address, and publish \"v=STSv1; id={new_id};\" at {record}: senders that look at the id deliver again "
     "within its TTL."},
    {"enforce-breakage-predicted", no_fetch, "",
     "Renew or repair what the detail names before that time, then look again. No change of the policy "
     "reaches a sender before {policy_host} serves it again: only if that is mended first, as the finding on "
     "it says, is \"mode: testing\" with a new id at {record} a way out."},
    {"sts-policy-key-case", key_beside,
     "none as a rule: the key is there in the right spelling too, and senders pass over one that they do not "
     "know. Who ignores case (mailauth) takes the last of the two.",
     "Delete the misspelt line, so that nobody takes it for the one that counts. To the others the policy "
     "says the same without it, and the id can stay."},
    {"dnssec-invalid", not_mail,
     "Senders whose resolver validates cannot look up {value}, and so find no policy: most that hold none "
     "deliver unprotected, some (mox) defer, the others go on with what they hold. The MX records are "
     "another matter. Since March 2026 public CAs refuse to issue for such names too.",
     ""},
    {"sts-policy-duplicate-field", last_enforces,
     "{who} take the last of two modes, postfix-mta-sts-resolver, chasquid and mailauth among them, "
     "enforce a policy under which no MX host of {domain} can be used: they defer its mail now, and bounce "
     "it when their queue gives up, some from one day on. Those that take the first deliver.",
     ""},
    {"tlsrpt-syntax-invalid", spaced_version,
     "none: mail is not affected, and the grammar allows the blank, but senders that look for "
     "\"v=TLSRPTv1;\" as a whole find no record and send no reports",
     "Take the blank out of the record at _smtp._tls.{domain}: it begins \"v=TLSRPTv1;\"."},
    {"mx-none-in-policy", implicit_mx,
     "There is no MX record, so senders take {domain} itself for the mail host. Those that enforce the "
     "policy skip it, defer the mail, and bounce it when their queue gives up, some from one day on.",
     "If other hosts take the mail of {domain}, publish MX records that name them, as the policy lists "
     "them. Only if {domain} itself is meant to take mail, list that name, verify the file at every "
     "address, then publish \"v=STSv1; id={new_id};\" at {record}."},
    {"mx-none-in-policy", tests_implicit,
     "There is no MX record, so senders take {domain} itself for the mail host. Mail is delivered: senders "
     "that test the policy report it. Under enforce they would skip it, and defer.",
     ""},
    {"mx-none-in-policy", had_records, "",
     "Put the MX records of {domain} back: the policy lists the hosts that they named. Only if {domain} "
     "itself is meant to take mail, list that name, verify the file at every address, then publish "
     "\"v=STSv1; id={new_id};\" at {record}."},
    {"cached-policy-breakage-now", same_id,
     "Senders that renew a policy without fetching it (mox, postfix-mta-sts-resolver, mailauth) may still "
     "apply an earlier one, which had the id of now, and no MX host can be used under it: those defer mail "
     "for {domain} until a new id is published, and bounce it when their queue gives up first. Others go by "
     "what is published now.",
     "Check that the policy file is right and the same at every address, then publish \"v=STSv1; "
     "id={new_id};\" at {record}: an id that was never used before makes these senders fetch."},
    {"sts-policy-too-large", cut_off,
     "{who} reads the first 10 KiB and applies what they say: enforce, and no MX host of {domain} that can "
     "be used. It defers its mail now, and bounces it when its queue gives up. Some other senders read 64 "
     "KiB, "
     "others all of it.",
     "Put version, mode, max_age and the mx lines first and cut the rest; a pattern such as "
     "\"*.mx.{domain}\" replaces many lines. Verify the file at every address, then publish \"v=STSv1; "
     "id={new_id};\" at {record}."},
    {"cached-policy-excludes-all-mx", same_id,
     "Senders that may hold an earlier policy, which had the id of now, defer mail for {domain}: by RFC 8461 "
     "until {until}, those that renew a policy without fetching it (mox, postfix-mta-sts-resolver, mailauth) "
     "until a new id is published. They bounce it when their queue gives up first.",
     ""},
    {"sts-mode-none-published", same_id,
     "Senders that fetch it treat {domain} as a domain without MTA-STS. Some may hold an earlier enforce "
     "policy, which had the id of now: by RFC 8461 until {until}, those that renew a policy without fetching "
     "it (mox, postfix-mta-sts-resolver, mailauth) until a new id is published.",
     "To opt out, publish \"v=STSv1; id={new_id};\" at {record} first, since only a new id ends what some "
     "hold. Leave the record, {policy_host} and its certificate in service until the max_age of the earlier "
     "policy has passed after that, and only then remove them."},
    {"cached-policy-breakage-now", other_hosts,
     "{who} may hold an earlier policy, which lists none of the MX hosts of now: those defer mail for "
     "{domain} until {until}, and bounce it when their queue gives up first. Others go by what is published "
     "now.",
     "nothing to do but wait, or to keep an MX host that the earlier policy lists until then"},
    {"cached-policy-breakage-now", never_listed,
     "{who} may hold an earlier policy, which lists none of the MX hosts: those defer mail for {domain} "
     "until {until}, and bounce it when their queue gives up first. Others go by what is published now.",
     "Nothing that is published reaches these senders before their copy ends. Where you know of one, ask for "
     "its cache of policies to be emptied; the others wait until then."},
    {"cached-policy-excludes-mx", none_listed,
     "Senders that hold the earlier policy and enforce it defer the mail until they fetch again, as most do "
     "once they see the new id, or until the copy ends: {until}, by RFC 8461. Those that never compare ids "
     "(postfix-tlspol) wait for its end.",
     "Make sure that {record} and https://{policy_host}/.well-known/mta-sts.txt both work: that is how "
     "senders learn of the present policy."},
    {"cached-policy-excludes-mx", former_hosts, "",
     "Make sure that {record} and https://{policy_host}/.well-known/mta-sts.txt both work: that is how "
     "senders learn of the present policy. Until {until} keep or put back in the MX set what the earlier "
     "policy lists and can still take mail ({value})."},
    {"cached-policy-excludes-all-mx", former_hosts, "",
     "Let them refresh: see that the policy file is right and served at every address, then publish "
     "\"v=STSv1; id={new_id};\" at {record}. Put back into the MX set what the earlier policy lists and can "
     "still take mail ({value}): senders may hold that policy until {until}."},
    {"certificate-expired", intermediate, "",
     "Send the current intermediate certificates of the CA with the certificate of {host}, and reload the "
     "mail server: what has ended is {value}, which stands in the chain that it sends. The host's own "
     "certificate need not be renewed for this."},
    {"provider-m365-migration", unlisted,
     "Senders that hold MX names against the policy skip {value} if they enforce, for as long as the policy "
     "that is served does not list it.",
     "List both names in the policy file, as the finding beside this one says, and keep both for as long as "
     "both stand in the MX set or senders may hold a policy of before."},
    {"certificate-expiring", unlisted,
     "none by MTA-STS: senders that enforce skip {host} as it is, since the policy does not list it", ""},
    {"sts-policy-body-truncated", compressed,
     "The body is whole, but in a coding that was not asked for: who does not undo it sees no policy. Those "
     "that hold none "
     "deliver unprotected, those that hold one see no update.",
     "Store and serve the file uncompressed on {policy_host}, without a Content-Encoding header."},
    {"mx-not-in-policy", no_host_name, "",
     "Take {value} out of the MX set, or name the host that is meant by its full public name: no policy "
     "should list this one, and no public certificate holds it."},
    {"mx-none-in-policy", no_host_name, "",
     "Let the MX records of {domain} name the mail hosts by their full public names; {value} is no such "
     "name, and no policy should list it."},
    {"mx-not-in-policy", backup,
     "Nothing shows while a host of better preference that is listed is up. When none is, senders that hold "
     "MX names against the policy do not turn to {host} if they enforce, and defer.",
     ""},
    {"mx-not-in-policy", on_bad_line, "",
     "It stands on an \"mx:\" line that is no host name: write {host} there by itself, as the finding on the "
     "policy file says, and all is well with it."},
    {"mx-not-in-policy", below_wildcard, "",
     "\"*\" stands for one label, and {value} lies deeper: add \"mx: {value}\", or a wildcard right above "
     "it, to the policy file. Verify it at every address, then publish \"v=STSv1; id={new_id};\" at "
     "{record}."},
    {"mx-none-in-policy", below_wildcard, "",
     "\"*\" stands for one label, and {value} lies deeper: add an \"mx:\" line for each MX host, or a "
     "wildcard right above them, to the policy file. Verify it at every address, then publish \"v=STSv1; "
     "id={new_id};\" at {record}."},
    {"sts-policy-version-invalid", one_line, "",
     "Give each field a line of its own: \"version: STSv1\" first, then mode, max_age and one mx for each "
     "MX host, each ended by a line feed. Verify the file at every address, then publish \"v=STSv1; "
     "id={new_id};\" at {record}."},
    {"mx-none-in-policy", not_a_pattern, "",
     "The policy lists {value}, which no host is called. Write the name of each MX host of {domain} on an "
     "\"mx:\" line of its own, verify the file at every address, then publish \"v=STSv1; id={new_id};\" at "
     "{record}."},
    {"mx-single", tests, kSingle, ""},
    {"mx-single", asks_nothing, kSingle, ""},
    {"mx-all-down", no_address,
     "The MX records of {domain} lead to no address: some senders return mail at once, others queue it "
     "first, with or without MTA-STS.",
     "Correct the names in the MX records of {domain}, or give these hosts A and AAAA records: an MX "
     "record holds the name of a host, never an address. The mail servers may well run. The MTA-STS policy "
     "plays no part in this: leave it as it is."},
    {"mx-all-down", no_lookup, "",
     "Mend the name service of the zone that these hosts are in: the findings beside this one say how. The "
     "mail servers may well run. The MTA-STS policy plays no part in this: leave it as it is."},
    {"mx-all-down", foreign, "",
     "If {value} is your provider's, ask there whether its mail servers are down, and whether these are "
     "still the hosts that your MX records are to name. The MTA-STS policy plays no part in this: leave it "
     "as it "
     "is."},
    {"mx-all-down", foreign_no_address, "",
     "If {value} is your provider's, ask which names the MX records of {domain} are to hold, and correct "
     "them: those of now have no address. If it is not, delete these records at once: whoever registers a "
     "domain that has lapsed can take over the host. The MTA-STS policy plays no part in this: leave it as "
     "it is."},
    {"mx-target-no-address", foreign, "",
     "Correct the name in the MX record of {domain}, or delete that record: at once if the name belongs to "
     "a domain that has lapsed, for whoever registers that domain can take over the host. If {value} is "
     "your provider's, ask which name the record is to hold."},
    {"mx-target-cname", foreign, "",
     "If {value} is your provider's, ask which name without an alias your MX record is to hold. MX record, "
     "policy and certificate must all show one name; for a new one stswatch plan {domain} --mx HOST, once "
     "for each host of the whole new set, gives the steps and their waits."},
    {"mx-unreachable", foreign, "",
     "If {value} is your provider's, ask there why {subject} takes no connection on port 25, and whether "
     "it is still meant to take your mail; if not, take it out of the MX set. Where others can connect and "
     "this agent cannot, its address has to be allowed there."},
    {"mx-not-in-policy", left_over,
     "Senders that hold MX names against the policy skip {value} if they enforce, and use the other MX "
     "hosts: it takes no mail for {domain}.",
     kLeftOver},
    {"mx-target-no-address", left_over, "", kLeftOver},
    {"sts-txt-missing", host_gone, "",
     "Give {policy_host} an address again and serve the policy file there. Then put the TXT record back at "
     "{record}; if the file has changed meanwhile, with a new id: \"v=STSv1; id={new_id};\". If you are "
     "retiring MTA-STS, stswatch plan {domain} --retire gives the steps and their waits: senders hold the "
     "old policy until {until}."},
    {"sts-not-deployed", was_retired, "",
     "Nothing to do if it was to go: it was retired in order. To begin anew, serve a policy with \"mode: "
     "testing\" at https://{policy_host}/.well-known/mta-sts.txt, then publish the TXT record \"v=STSv1; "
     "id={new_id};\" at {record}."},
    {"sts-not-deployed", no_mail, kNoMailNow, kFirstTheMail},
    {"tlsrpt-missing", no_mail, kNoMailNow, kFirstTheMail},
    {"sts-removal-complete", no_mail, kNoMailNow, kFirstTheMail},
    {"domain-not-found", existed, "",
     "See whether the registration of {domain} has lapsed, and what the parent zone delegates: the name "
     "was there and is no more. Renew or restore it first; record, policy and MX are then as the zone has "
     "them."},
    {"domain-not-found", no_hosts, "",
     "The name {domain} exists, without MX and address: publish its MX records, or put them back. If it is "
     "meant to take no mail, say so with a null MX (\"MX 0 .\")."},
    {"smtp-silent", hangs_up,
     "Senders are turned away at once at {subject}, and try the next address or MX host; where there is "
     "none they queue the mail.",
     "Look at the mail server at {subject}: it accepts connections and closes them before it has spoken "
     "SMTP (a proxy without its server, a limit, a filter). If other senders are served there and only "
     "this agent is not, allow the agent's address."},
    {"mx-not-in-policy", no_other,
     "Senders that hold MX names against the policy do not use {host} if they enforce, though none of the "
     "hosts that are listed works: they defer.",
     ""},
    {"sts-policy-content-type", no_policy,
     "It is no policy whatever its type: senders that hold none deliver unprotected, the others keep what "
     "they hold.",
     "First serve the policy file itself, as the finding beside this one says. Then have {policy_host} "
     "send \"Content-Type: text/plain; charset=utf-8\" with it, and check every address with curl -i."},
    {"sts-policy-connect-failed", one_address,
     "Senders that meet {address} go on to another address of {policy_host}, as HTTP clients do. One that "
     "gives up there gets no policy, and delivers unprotected unless it holds one.",
     ""},
    {"mx-unreachable", one_address, "Senders that meet {address} go on to the other addresses of the host.",
     "Start the mail server at {address} and open port 25 to the Internet, or withdraw that address "
     "record. Where others can connect and this agent cannot, allow the agent's address."},
    {"certificate-expired", tests, kReported, ""},
    {"certificate-expired", asks_nothing, kTaken, ""},
    {"certificate-host-mismatch", tests, kReported, ""},
    {"certificate-host-mismatch", asks_nothing, kTaken, ""},
    {"certificate-cn-only", tests, kReported, ""},
    {"certificate-cn-only", asks_nothing, kTaken, ""},
    {"certificate-not-trusted", tests, kReported, ""},
    {"certificate-not-trusted", asks_nothing, kTaken, ""},
    {"certificate-chain-incomplete", tests, kReported, ""},
    {"certificate-chain-incomplete", asks_nothing, kTaken, ""},
    {"certificate-not-yet-valid", tests, kReported, ""},
    {"certificate-not-yet-valid", asks_nothing, kTaken, ""},
    {"certificate-eku-invalid", tests, kReported, ""},
    {"certificate-eku-invalid", asks_nothing, kTaken, ""},
    {"certificate-expiring", tests, kReportedLater, ""},
    {"certificate-expiring", asks_nothing, kTakenLater, ""},
    {"certificate-renewal-overdue", tests, kReportedLater, ""},
    {"certificate-renewal-overdue", asks_nothing, kTakenLater, ""},
    {"starttls-not-supported", binds_by_dane, kBoundByDane, ""},
    {"starttls-refused", binds_by_dane, kBoundByDane, ""},
    {"starttls-handshake-failure", binds_by_dane, kBoundByDane, ""},
    {"tls-version-unsupported", binds_by_dane, kBoundByDane, ""},
    {"starttls-not-supported", tests,
     "Mail to {subject} comes in clear text, and senders that test the policy report it. Under enforce they "
     "would skip {where}, as DANE senders that find usable TLSA records do now.",
     ""},
    {"starttls-not-supported", asks_nothing,
     "Mail to {subject} comes in clear text, which anybody on the path can read and alter. DANE senders "
     "that find usable TLSA records skip {where}.",
     ""},
    {"starttls-refused", tests, kFallBackReported, ""},
    {"starttls-refused", asks_nothing, kFallBack, ""},
    {"starttls-handshake-failure", tests, kFallBackReported, ""},
    {"starttls-handshake-failure", asks_nothing, kFallBack, ""},
    {"tls-version-unsupported", tests, kOldOrClearReported, ""},
    {"tls-version-unsupported", asks_nothing, kOldOrClear, ""},
    {"provider-google-mx-switched", others_listed, kOthersListed, ""},
    {"provider-m365-pattern-wrong", others_listed, kOthersListed, ""},
    {"provider-m365-mx-microsoft-wildcard", others_listed,
     "A wildcard stands for one label and {value} has two more: senders that match as RFC 8461 has it skip "
     "it if they enforce, and use the MX hosts that are listed. Senders that let a wildcard cover several "
     "labels deliver there.",
     ""},
    {"sts-policy-address-inconsistent", unreadable,
     "Senders that ask the odd address get no policy from it: those that hold none go without, the others "
     "keep what they hold.",
     "Put the same file and certificate on every node of {policy_host}, purge the CDN, and verify each "
     "address."},
    {"sts-testing-too-long", gates_pass, "",
     "All readiness gates pass, so switch: set \"mode: enforce\" and \"max_age: 604800\" in the file, "
     "verify it at every address, then publish \"v=STSv1; id={new_id};\" at {record}."},
};

}  // namespace

std::span<const SituationTexts> situations() { return kTexts; }

const SituationTexts* texts_in(std::string_view code, Situation situation) {
  const auto found = std::ranges::find_if(
      kTexts, [&](const SituationTexts& t) { return t.code == code && t.situation == situation; });
  return found == std::end(kTexts) ? nullptr : &*found;
}

}  // namespace stswatch
