// Findings of group Q and R: the agent's own view, and the limits it sets.

#include "checks/judge/catalogue/catalogue.h"

namespace stswatch::catalogue_tables {
namespace {

using enum Severity;

constexpr CatalogueEntry kEntries[] = {
    {.code = "vantage-port25-blocked",
     .group = 'Q',
     .severity = {},
     .route = Route::ticket,
     .tlsrpt = "",
     .title = "This agent cannot reach port 25 anywhere",
     .effect = "none: nothing is concluded about mail; the MX hosts cannot be judged from here",
     .fix = "The network blocks outgoing port 25, as most clouds do. Ask the provider to lift the block, or "
            "move the agent to another network.",
     .reference = "contrib/findings.md#vantage-port25-blocked"},
    {.code = "vantage-resolver-blind",
     .group = 'Q',
     .severity = {},
     .route = Route::ticket,
     .tlsrpt = "",
     .title = "This agent's DNS resolver fails",
     .effect =
         "none: nothing is concluded about mail; what the resolver does not answer cannot be judged from "
         "here",
     .fix =
         "See whether the resolver runs, reaches the Internet and has the right time and trust anchor: dig "
         "NS . and dig TXT {record}, both at the address in dns.servers or /etc/resolv.conf. A second "
         "resolver in dns.servers keeps the agent's sight when the first fails.",
     .reference = "contrib/findings.md#vantage-resolver-blind"},
    {.code = "vantage-port53-blocked",
     .group = 'Q',
     .severity = {},
     .route = Route::log,
     .tlsrpt = "",
     .title = "This agent cannot ask name servers directly",
     .effect = "none: the resolver is asked alone, so a fault of a zone's servers cannot be told from one of "
               "the resolver's",
     .fix =
         "Allow DNS queries from this machine to any address on port 53, UDP and TCP, or set dns.source to "
         "off in the agent's configuration.",
     .reference = "contrib/findings.md#vantage-port53-blocked"},
    {.code = "vantage-no-ipv6",
     .group = 'Q',
     .severity = {},
     .route = Route::log,
     .tlsrpt = "",
     .title = "This agent has no IPv6",
     .effect = "none: nothing is concluded about mail; IPv6 addresses cannot be judged from here",
     .fix = "Give this machine an IPv6 address and route if you want them checked.",
     .reference = "contrib/findings.md#vantage-no-ipv6"},
    {.code = "vantage-clock-skew",
     .group = 'Q',
     .severity = {},
     .route = Route::ticket,
     .tlsrpt = "",
     .title = "This agent's clock seems to be wrong",
     .effect = "none: mail is not affected, but what is said about expiry may be wrong",
     .fix = "Check that NTP runs on this machine and is in step.",
     .reference = "contrib/findings.md#vantage-clock-skew"},
    {.code = "vantage-starttls-stripped",
     .group = 'Q',
     .severity = {},
     .route = Route::ticket,
     .tlsrpt = "",
     .title = "Something between this agent and all mail hosts removes STARTTLS",
     .effect = "none: nothing is concluded about mail; STARTTLS and certificates cannot be judged from here",
     .fix = "Look for a firewall with SMTP inspection on the way out of this machine, or move the agent to "
            "another network.",
     .reference = "contrib/findings.md#vantage-starttls-stripped"},
    {.code = "vantage-resources",
     .group = 'Q',
     .severity = {},
     .route = Route::ticket,
     .tlsrpt = "",
     .title = "This agent has run out of descriptors, buffers or memory",
     .effect = "none: nothing is concluded about mail; what could not be asked counts as unknown",
     .fix = "Raise the limit of open files (LimitNOFILE in the unit, ulimit -Hn in a shell) or lower "
            "agent.workers; see what else uses up this machine.",
     .reference = "contrib/findings.md#vantage-resources"},
    {.code = "vantage-clock-stepped",
     .group = 'Q',
     .severity = {},
     .route = Route::ticket,
     .tlsrpt = "",
     .title = "This machine's clock has jumped",
     .effect =
         "none: mail is not affected; looks go on, and dates are reckoned from before the jump until it "
         "is known which time is right",
     .fix = "Look at the time service of this machine (timedatectl, chronyc tracking) and at what set its "
            "clock. If the new time is right there is nothing to do.",
     .reference = "contrib/findings.md#vantage-clock-stepped"},
    {.code = "agent-store-failing",
     .group = 'Q',
     .severity = {},
     .route = Route::ticket,
     .tlsrpt = "",
     .title = "This agent cannot write what it remembers",
     .effect = "none: mail is not affected; looks and notices go on from memory, and a restart would forget "
               "what was seen since",
     .fix = "Make room on the disk of agent.state, or make it writable again. Nothing else is needed: what "
            "is kept in memory is written then.",
     .reference = "contrib/findings.md#agent-store-failing"},
    {.code = "agent-reload-failed",
     .group = 'Q',
     .severity = {},
     .route = Route::ticket,
     .tlsrpt = "",
     .title = "A changed configuration was refused",
     .effect = "none: mail is not affected; the agent goes on with the configuration before",
     .fix = "Run stswatch config check on the file, mend what it names, and reload again.",
     .reference = "contrib/findings.md#agent-reload-failed"},
    {.code = "agent-receiver-failing",
     .group = 'Q',
     .severity = {},
     .route = Route::ticket,
     .tlsrpt = "",
     .title = "A receiver of notices does not take what it is owed",
     .effect = "none: mail is not affected; whoever listens there is not told, until it is taken",
     .fix =
         "See the agent's log for what the receiver answers, and run stswatch alerts test. What is owed is "
         "kept and sent when it is taken again.",
     .reference = "contrib/findings.md#agent-receiver-failing"},
    {.code = "check-stale",
     .group = 'Q',
     .severity = {},
     .route = Route::ticket,
     .tlsrpt = "",
     .title = "A check has not finished for three intervals",
     .effect = "none: mail is not affected, but the states and the forecast shown are old",
     .fix = "Read the agent's log. Most often it has more to do than it can manage, or a check hangs.",
     .reference = "contrib/findings.md#check-stale"},
    {.code = "check-flapping",
     .group = 'Q',
     .severity = {},
     .route = Route::log,
     .tlsrpt = "",
     .title = "A finding keeps coming and going",
     .effect = "none by itself: see the finding named in the detail",
     .fix = "Compare the nodes and name servers involved: as a rule a single one is at fault. The finding "
            "keeps its worse state until six hours have been quiet.",
     .reference = "contrib/findings.md#check-flapping"},
    {.code = "observation-unknown",
     .group = 'Q',
     .severity = {},
     .route = Route::log,
     .tlsrpt = "",
     .title = "A check ended without a result",
     .effect = "none: nothing is concluded from it",
     .fix = "Nothing to do: the last known state stays, with its age, and the agent looks again.",
     .reference = "contrib/findings.md#observation-unknown"},
    {.code = "domain-not-found",
     .group = 'R',
     .severity = {critical, critical, critical},
     .route = Route::page,
     .tlsrpt = "",
     .title = "The domain does not exist or takes no mail",
     .effect = "Senders have nowhere to deliver: they return mail for {domain} at once.",
     .fix = "Check how {domain} is spelt in the configuration. If it is right, see whether its registration "
            "has lapsed and what the parent zone delegates.",
     .reference = "RFC 5321 §5.1"},
    {.code = "sts-policy-http-invalid",
     .group = 'R',
     .severity = {info, warning, critical},
     .route = Route::ticket,
     .tlsrpt = "sts-policy-fetch-error",
     .title = "The policy host does not speak proper HTTP",
     .effect = "The fetch fails for every sender. Those that hold no policy deliver unprotected; those that "
               "hold one apply it until {until}, but see no update.",
     .fix = "See what listens on port 443 at {subject}: it may be no web server, or one that sends endless "
            "headers. Serve the policy as a static file from an ordinary web server.",
     .reference = "RFC 8461 §3.3"},
    {.code = "smtp-invalid",
     .group = 'R',
     .severity = {},
     .route = Route::ticket,
     .tlsrpt = "",
     .title = "What answers on port 25 does not speak proper SMTP",
     .effect = "Most senders try the next address or MX host. This address counts as unknown.",
     .fix = "See what listens on port 25 at {subject}; it may not be a mail server, or a proxy stands "
            "before it.",
     .reference = "RFC 5321 §4.2"},
    {.code = "address-not-public",
     .group = 'R',
     .severity = {warning, warning, warning},
     .route = Route::ticket,
     .tlsrpt = "",
     .title = "A mail or policy host has an address that is not public",
     .effect = "Senders on the Internet cannot reach {address}. They try other addresses, if there are any. "
               "The agent did not connect to it.",
     .fix = "Publish a public address for {host}. If the domain is watched from inside on purpose, set "
            "allow_private in the agent's configuration.",
     .reference = "RFC 5321 §5.1"},
    {.code = "mx-too-many",
     .group = 'R',
     .severity = {warning, warning, warning},
     .route = Route::ticket,
     .tlsrpt = "",
     .title = "There are more MX hosts or addresses than make sense",
     .effect = "Senders try only the first few. The agent looks at 50 hosts and at 16 addresses of each, "
               "not at the rest.",
     .fix = "Reduce the MX set of {domain}: two to five hosts serve any domain.",
     .reference = "RFC 5321 §5.1"},
    {.code = "sts-mode-unexpected",
     .group = 'R',
     .severity = {warning, warning, critical},
     .route = Route::ticket,
     .tlsrpt = "",
     .title = "The policy protects less than the configuration expects",
     .effect = "Senders that refresh apply the weaker mode, or no policy at all.",
     .fix = "If nobody meant this, restore the policy file, verify it at every address, then publish "
            "\"v=STSv1; id={new_id};\" at {record}. If it was meant, change expect in the agent's "
            "configuration.",
     .reference = "RFC 8461 §5"},
};

}  // namespace

std::span<const CatalogueEntry> agent() { return kEntries; }

}  // namespace stswatch::catalogue_tables
