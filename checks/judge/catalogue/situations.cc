#include "checks/judge/catalogue/situations.h"

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
    "Senders that hold MX names against the policy skip {value} if they enforce, and use the MX hosts that are "
    "listed; mail waits when those are down. In testing they deliver and report.";

constexpr SituationTexts kTexts[] = {
    {"sts-not-deployed", takes_no_mail, "none: {domain} takes no mail",
     "nothing to do: the null MX says that {domain} takes no mail, and there is nothing to protect"},
    {"mx-none-in-policy", tests,
     "Mail is delivered: senders that test the policy report each of the hosts as a failure. Under enforce "
     "they would skip each of them, and defer.",
     "Before the mode becomes enforce add an \"mx:\" line for every MX host of {domain} to the policy file, "
     "verify it at every address, then publish \"v=STSv1; id={new_id};\" at {record}."},
    {"mx-not-in-policy", tests,
     "Mail is delivered: senders that test the policy report {host} as a failure. Under enforce they would "
     "skip it.",
     ""},
    {"mx-backup-invalid", tests,
     "Nothing shows while the primary is up. Senders that test the policy report {host} when they use it; "
     "under "
     "enforce they could not.",
     ""},
    {"mx-none-in-policy", underscore, "", kRename},
    {"mx-not-in-policy", underscore, "", kRename},
    {"certificate-host-mismatch", underscore, "", kRename},
    {"sts-policy-mx-invalid-pattern", underscore,
     "Strict senders refuse the whole policy and, unless they hold an earlier one, deliver unprotected. "
     "Others "
     "take the name as it is written.",
     kRename},
    {"sts-policy-mx-invalid-pattern", stops_postfix,
     "Postfix with postfix-mta-sts-resolver defers the mail it has for {domain} now, whatever else the "
     "policy "
     "lists; bounces come after as long as it keeps mail, five days by default. Strict senders refuse the "
     "policy and, unless they hold an earlier one, deliver unprotected. Others find no host for the line.",
     ""},
    {"sts-policy-host-no-address", dangling_alias, "",
     "The CNAME at {policy_host} leads to {value}, which has no address: restore it there, or point "
     "{policy_host} at a server of yours. If the name is free at the provider, or its domain unregistered, "
     "delete the CNAME without delay: whoever takes it can get a certificate for {policy_host} and serve a "
     "policy for {domain}."},
    {"enforce-breakage-now", some_copies, "",
     "Put the policy file that the other addresses of {policy_host} serve at {value} too, and purge what "
     "caches "
     "it. Verify each address, then publish \"v=STSv1; id={new_id};\" at {record}: senders that look at the "
     "id "
     "fetch again within one TTL of the record."},
    {"enforce-breakage-now", no_other_copy, "",
     "Correct the policy file at {value}: list every MX host of {domain}. Verify each address, then publish "
     "\"v=STSv1; id={new_id};\" at {record}: senders that look at the id fetch again within one TTL of the "
     "record."},
    {"dnssec-invalid", not_mail,
     "Senders whose resolver validates cannot look up {value}, and so find no policy: most that hold none "
     "deliver unprotected, some (mox) defer, the others go on with what they hold. The MX records are "
     "another "
     "matter. Since March 2026 public CAs refuse to issue for such names too.",
     ""},
    {"sts-policy-duplicate-field", last_enforces,
     "Senders that take the last of two modes, postfix-mta-sts-resolver, chasquid and mailauth among them, "
     "enforce a policy that lists no MX host of {domain}: they defer its mail now, and bounce it when their "
     "queue gives up, some from one day on. Those that take the first deliver.",
     ""},
    {"mx-none-in-policy", implicit_mx,
     "There is no MX record, so senders take {domain} itself for the mail host. Those that enforce the "
     "policy "
     "skip it, defer the mail, and bounce it when their queue gives up, some from one day on.",
     "Put the MX records of {domain} back: the policy lists the hosts that they named. Only if {domain} "
     "itself "
     "is meant to take mail, list that name, verify the file at every address, then publish \"v=STSv1; "
     "id={new_id};\" at {record}."},
    {"mx-not-in-policy", no_host_name, "",
     "Take {value} out of the MX set, or name the host that is meant by its full public name: no policy "
     "should "
     "list this one, and no public certificate holds it."},
    {"mx-none-in-policy", no_host_name, "",
     "Let the MX records of {domain} name the mail hosts by their full public names; {value} is no such "
     "name, "
     "and no policy should list it."},
    {"mx-not-in-policy", backup,
     "Nothing shows while the hosts of better preference are up. When they are down, senders that hold MX "
     "names "
     "against the policy do not turn to {host} if they enforce, and defer.",
     ""},
    {"mx-not-in-policy", below_wildcard, "",
     "\"*\" stands for one label, and {value} lies deeper: add \"mx: {value}\", or a wildcard right above "
     "it, "
     "to the policy file. Verify it at every address, then publish \"v=STSv1; id={new_id};\" at {record}."},
    {"mx-none-in-policy", below_wildcard, "",
     "\"*\" stands for one label, and {value} lies deeper: add an \"mx:\" line for each MX host, or a "
     "wildcard "
     "right above them, to the policy file. Verify it at every address, then publish \"v=STSv1; "
     "id={new_id};\" "
     "at {record}."},
    {"sts-policy-version-invalid", one_line, "",
     "Give each field a line of its own: \"version: STSv1\" first, then mode, max_age and one mx for each MX "
     "host, each ended by a line feed. Verify the file at every address, then publish \"v=STSv1; "
     "id={new_id};\" at {record}."},
    {"mx-none-in-policy", not_a_pattern, "",
     "The policy lists {value}, which no host is called. Write the name of each MX host of {domain} on an "
     "\"mx:\" line of its own, verify the file at every address, then publish \"v=STSv1; id={new_id};\" at "
     "{record}."},
    {"provider-google-mx-switched", others_listed, kOthersListed, ""},
    {"provider-m365-pattern-wrong", others_listed, kOthersListed, ""},
    {"provider-m365-mx-microsoft-wildcard", others_listed,
     "A wildcard stands for one label and {value} has two more: senders that match as RFC 8461 has it skip it "
     "if they enforce, and use the MX hosts that are listed. Senders that let a wildcard cover several labels "
     "deliver there.",
     ""},
    {"sts-policy-address-inconsistent", unreadable,
     "Senders that ask the odd address get no policy from it: those that hold none go without, the others "
     "keep "
     "what they hold.",
     "Put the same file and certificate on every node of {policy_host}, purge the CDN, and verify each "
     "address."},
    {"sts-testing-too-long", gates_pass, "",
     "All readiness gates pass, so switch: set \"mode: enforce\" and \"max_age: 604800\" in the file, verify "
     "it at every address, then publish \"v=STSv1; id={new_id};\" at {record}."},
};

}  // namespace

std::span<const SituationTexts> situations() { return kTexts; }

const SituationTexts* texts_in(std::string_view code, Situation situation) {
  const auto found = std::ranges::find_if(
      kTexts, [&](const SituationTexts& t) { return t.code == code && t.situation == situation; });
  return found == std::end(kTexts) ? nullptr : &*found;
}

}  // namespace stswatch
