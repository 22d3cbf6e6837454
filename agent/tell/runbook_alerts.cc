// The pages of the alerts in contrib/prometheus/stswatch.rules.yml. An alert says what senders do; the
// findings behind it say why.
#include <array>

#include "agent/tell/runbook.h"

namespace stswatch {
namespace {

constexpr std::string_view kCheck = "stswatch check DOMAIN --explain";

constexpr std::array kAlerts = {
    AlertPage{
        .name = "MtaStsBreakageNow",
        .title = "Enforcing senders have had no usable MX host for ten minutes",
        .effect = "They defer mail for the domain and bounce it from one day on after it was sent; some wait "
                  "five days. Senders that do not enforce the policy still deliver.",
        .check = kCheck,
        .fix =
            "Mend what the cause names: a certificate, the policy's list of hosts, or an id that was not "
            "changed with the policy. If that takes hours, set \"mode: testing\" in the policy file, verify "
            "it at every address, then publish a new id.",
        .over = "30 minutes after senders have a host again. Deferred mail arrives by itself.",
        .codes = "enforce-breakage-now mx-none-in-policy cached-policy-excludes-all-mx certificate-expired "
                 "sts-policy-changed-id-unchanged"},
    AlertPage{
        .name = "MtaStsBreakageSoon",
        .title = "Enforcing senders lose the last usable MX host within a day",
        .effect = "None yet. From the time shown on they defer mail for the domain.",
        .check = kCheck,
        .fix = "Renew the certificate, or bring policy and MX set together, before that time.",
        .over =
            "30 minutes after the forecast shows no breakage within a day. If it breaks, MtaStsBreakageNow "
            "takes over.",
        .codes = "enforce-breakage-predicted certificate-expiring sts-webpki-cert-expiring"},
    AlertPage{
        .name = "MtaStsBreakagePredicted",
        .title = "Enforcing senders lose the last usable MX host within seven days, and a renewal is overdue",
        .effect = "None yet.",
        .check = kCheck,
        .fix = "Renew by hand, reload the server, and repair the automation that should have done it.",
        .over = "When the renewed certificate is seen at the server.",
        .codes = "enforce-breakage-predicted certificate-renewal-overdue sts-webpki-renewal-overdue"},
    AlertPage{
        .name = "MtaStsDegraded",
        .title = "Enforcing senders have skipped a part of the MX hosts for an hour",
        .effect = "They deliver to the hosts that are left. Mail waits when those are busy or down.",
        .check = "stswatch check DOMAIN --explain\n"
                 "openssl s_client -starttls smtp -connect HOST:25 -servername HOST -verify_hostname HOST "
                 "</dev/null\n"
                 "curl -sS https://mta-sts.DOMAIN/.well-known/mta-sts.txt | stswatch lint policy - --mx HOST",
        .fix = "Repair STARTTLS and certificate of the host, or list it in the policy file, verify that at "
               "every "
               "address and publish a new id. A host that is not yours leaves the MX set instead.",
        .over = "An hour after every host is usable.",
        .codes = "mx-not-in-policy mx-backup-invalid mx-unreachable starttls-not-supported "
                 "certificate-host-mismatch certificate-not-trusted cached-policy-excludes-mx"},
    AlertPage{
        .name = "MtaStsCachedPolicyExcludesMx",
        .title = "Senders hold an older policy that leaves out MX hosts, and have no reason to ask again",
        .effect = "These senders skip hosts of the domain, or all of them: they defer, then bounce. Senders "
                  "without the old policy deliver.",
        .check = "dig +short TXT _mta-sts.DOMAIN\n"
                 "curl -sS https://mta-sts.DOMAIN/.well-known/mta-sts.txt\n"
                 "stswatch check DOMAIN --explain",
        .fix =
            "Make the policy file list every current MX host, verify it at every address, then publish an id "
            "that was never used. Keep the old MX hosts until the caches agree.",
        .over = "When the new id lets every sender fetch, or when the last old copy has ended.",
        .codes = "cached-policy-excludes-all-mx sts-policy-changed-id-unchanged sts-update-order-race"},
    AlertPage{
        .name = "MtaStsDaneBroken",
        .title = "Senders that use DANE or validate DNSSEC cannot deliver",
        .effect = "Senders that use DANE skip the host, whatever MTA-STS says. With bad signatures every "
                  "validating sender loses the names. When no other host is good they defer, then bounce.",
        .check =
            "dig +dnssec +noall +answer +comments TLSA _25._tcp.HOST\n"
            "delv MX DOMAIN\n"
            "openssl s_client -starttls smtp -connect HOST:25 -servername HOST </dev/null 2>/dev/null |\n"
            "  openssl x509 -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum",
        .fix =
            "Publish a TLSA record for the key that is served now, or install the key that the record names. "
            "Mend the zone's signatures when those are at fault. Next time publish the record of the new key "
            "two TTLs before the key.",
        .over = "30 minutes after every address matches a secure record.",
        .codes = "tlsa-invalid tlsa-ta-not-in-chain tlsa-lookup-error dnssec-invalid"},
    AlertPage{
        .name = "MtaStsPolicyUnavailable",
        .title = "The policy that senders enforce has not been fetchable for 30 minutes",
        .effect =
            "No mail is lost. Senders without a cached policy deliver unprotected; the others keep theirs "
            "until it ends.",
        .check = "dig +short A mta-sts.DOMAIN; dig +short AAAA mta-sts.DOMAIN\n"
                 "curl -sS -D- https://mta-sts.DOMAIN/.well-known/mta-sts.txt\n"
                 "openssl s_client -connect mta-sts.DOMAIN:443 -servername mta-sts.DOMAIN -verify_hostname "
                 "mta-sts.DOMAIN </dev/null",
        .fix = "Make the policy host serve the file with status 200 and a good certificate at each of its "
               "addresses. The id can stay when the policy has not changed.",
        .over = "30 minutes after a good fetch.",
        .codes = "sts-policy-host-no-address sts-policy-connect-failed sts-policy-fetch-timeout "
                 "sts-policy-http-status sts-policy-http-redirect sts-policy-html-body sts-policy-invalid "
                 "sts-webpki-cert-expired sts-webpki-host-mismatch sts-webpki-not-trusted "
                 "sts-policy-disappeared"},
    AlertPage{
        .name = "MtaStsCacheRunningOut",
        .title = "Half of the cache life is gone without one good fetch of the policy",
        .effect = "Mail flows. When max_age has passed since their last fetch, senders forget the policy and "
                  "deliver unprotected.",
        .check =
            "curl -sS -D- https://mta-sts.DOMAIN/.well-known/mta-sts.txt\nstswatch check DOMAIN --explain",
        .fix = "As for MtaStsPolicyUnavailable, now.",
        .over = "With the next good fetch.",
        .codes = "protection-lapse-predicted sts-policy-disappeared"},
    AlertPage{
        .name = "MtaStsRecordInvalid",
        .title = "The record that announces an enforced policy has been gone or unusable for 30 minutes",
        .effect =
            "No mail is lost. Senders without a cached policy deliver unprotected; the others cannot learn "
            "of a change until their copy ends.",
        .check = "dig +noall +answer TXT _mta-sts.DOMAIN\n"
                 "stswatch lint sts-record \"$(dig +short TXT _mta-sts.DOMAIN | tr -d '\"')\"",
        .fix =
            "Publish exactly one record \"v=STSv1; id=NEWID;\" at _mta-sts.DOMAIN. To leave MTA-STS, serve "
            "\"mode: none\" first.",
        .over = "30 minutes after a usable record is seen.",
        .codes = "sts-txt-missing sts-txt-multiple sts-txt-syntax-invalid sts-txt-version-invalid "
                 "sts-txt-id-missing sts-txt-id-invalid sts-txt-wrong-name sts-txt-cname-dangling "
                 "sts-removal-unsafe"},
    AlertPage{
        .name = "MtaStsUnexpectedChange",
        .title = "What senders are told has changed, and nobody announced it",
        .effect =
            "Mail flows. Whoever can change record, policy or policy host decides how mail is protected.",
        .check = "dig +noall +answer TXT _mta-sts.DOMAIN; dig +short CNAME mta-sts.DOMAIN\n"
                 "curl -sS https://mta-sts.DOMAIN/.well-known/mta-sts.txt",
        .fix = "If the change is yours, acknowledge it, and announce the next one ([[planned]] in the "
               "configuration). If nobody knows of it, treat DNS and the policy host as taken over.",
        .over = "When it is acknowledged, taken back, or seven days old.",
        .codes = "sts-mode-downgraded sts-policy-unexpected-appearance sts-cname-target-changed "
                 "tlsrpt-policy-unknown"},
    AlertPage{
        .name = "MtaStsCertificateExpired",
        .title = "A certificate has expired",
        .effect = "An MX host: enforcing senders skip it. The policy host: senders without a cached policy "
                  "deliver unprotected, the others see no change.",
        .check = "openssl s_client -starttls smtp -connect HOST:25 -servername HOST </dev/null 2>/dev/null | "
                 "openssl "
                 "x509 -noout -dates\n"
                 "openssl s_client -connect mta-sts.DOMAIN:443 -servername mta-sts.DOMAIN </dev/null "
                 "2>/dev/null | "
                 "openssl x509 -noout -dates",
        .fix =
            "Install the renewed certificate with its intermediates and reload the server, on every address. "
            "A file that was renewed but is not served needs a deploy hook.",
        .over = "When every address serves a certificate that has not expired.",
        .codes = "certificate-expired sts-webpki-cert-expired"},
    AlertPage{.name = "MtaStsCertificateExpiring",
              .title = "A certificate is about to end and its renewal has failed",
              .effect = "None yet.",
              .check = "openssl s_client -starttls smtp -connect HOST:25 -servername HOST </dev/null "
                       "2>/dev/null | openssl "
                       "x509 -noout -dates",
              .fix = "Renew by hand now, reload the server, repair the automation.",
              .over = "15 minutes after every address serves the renewed certificate.",
              .codes = "certificate-expiring sts-webpki-cert-expiring"},
    AlertPage{.name = "MtaStsCertificateRenewalOverdue",
              .title = "A certificate should have been renewed by now",
              .effect = "None yet.",
              .check = "openssl s_client -starttls smtp -connect HOST:25 -servername HOST </dev/null "
                       "2>/dev/null | openssl "
                       "x509 -noout -dates\n"
                       "# at the host, for certbot\n"
                       "systemctl list-timers certbot.timer; certbot certificates",
              .fix = "Check timer, challenge and deploy hook. Where certificates are renewed by hand, set "
                     "warn_days and "
                     "crit_days for the agent's own notices, and silence this alert for the host.",
              .over = "Two hours after every address serves the renewed certificate.",
              .codes = "certificate-renewal-overdue sts-webpki-renewal-overdue"},
    AlertPage{
        .name = "TlsRptFailureRate",
        .title = "Senders report that more than one session in a hundred fails",
        .effect = "Those that enforce skip or defer on these failures; in testing they deliver and report.",
        .check = kCheck,
        .fix = "Compare with what this agent sees. When its looks are clean, look for the address, node or "
               "anycast site that only the senders meet.",
        .over = "When the share of two days is below one in a hundred.",
        .codes = "tlsrpt-failure-rate"},
    AlertPage{
        .name = "TlsRptReportsAbsent",
        .title = "No TLS report has come for three days",
        .effect = "None on mail. Failures that only senders can see would go unnoticed.",
        .check = "dig +noall +answer TXT _smtp._tls.DOMAIN",
        .fix =
            "Check that the address of the record accepts mail, that its filter lets reports pass, and that "
            "they reach this agent. A small domain may have no reporter at week-ends.",
        .over = "With the next report.",
        .codes = "tlsrpt-missing tlsrpt-removed"},
    AlertPage{.name = "MtaStsVantageBlind",
              .title = "The agent has not reached port 25 anywhere for a quarter of an hour",
              .effect = "None on mail. All MX hosts are unknown from there, and a fault would go unnoticed.",
              .check = "nc -vz -w 10 HOST 25",
              .fix = "Ask the network's provider to open outgoing port 25, or move the agent.",
              .over = "When one MX host or canary answers.",
              .codes = "vantage-port25-blocked"},
    AlertPage{.name = "MtaStsResolverBlind",
              .title = "The agent has no resolver that resolves",
              .effect = "None on mail. No domain is seen, and a fault would go unnoticed.",
              .check = "curl -sS http://AGENT:9461/-/healthy\n"
                       "dig +short SOA example.com @RESOLVER",
              .fix = "Mend the resolver, or name another one in [dns] servers.",
              .over = "When it answers again.",
              .codes = "vantage-resolver-blind"},
    AlertPage{.name = "MtaStsStarttlsStripped",
              .title = "Something between the agent and all mail hosts removes STARTTLS",
              .effect = "None on mail. STARTTLS and certificates of all MX hosts are unknown from there.",
              .check = "openssl s_client -starttls smtp -connect HOST:25 </dev/null",
              .fix = "Look for a firewall with SMTP inspection on the way out, or move the agent.",
              .over = "When hosts offer it again.",
              .codes = "vantage-starttls-stripped"},
    AlertPage{
        .name = "MtaStsAgentStarved",
        .title = "The agent has too few descriptors, buffers or threads for its looks",
        .effect = "None on mail. What could not be looked at is unknown, and a fault would go unnoticed.",
        .check = "curl -sS http://AGENT:9461/-/healthy\n"
                 "grep 'open files' /proc/$(pidof stswatch)/limits; ls /proc/$(pidof stswatch)/fd | wc -l",
        .fix = "Raise LimitNOFILE of the unit or lower agent.workers; see what else uses up the machine.",
        .over = "A minute after the last look that lacked something.",
        .codes = "vantage-resources"},
    AlertPage{
        .name = "MtaStsAgentClock",
        .title = "The agent's wall clock and the time that has passed disagree",
        .effect = "None on mail. Dates are reckoned from before the jump until it is known which time is "
                  "right.",
        .check = "timedatectl; chronyc tracking",
        .fix = "Mend the time service of the machine. Where the new time is right there is nothing to do.",
        .over = "When the clock is back, when a policy host's own date agrees with it, or after an hour "
                "without any that does not.",
        .codes = "vantage-clock-stepped"},
    AlertPage{.name = "MtaStsFindingsPage",
              .title = "Domains have a finding that is a page, and no series of their own",
              .effect = "As the finding's own page says: stswatch explain CODE.",
              .check = "curl -sS 'http://AGENT:9461/?q=CODE'",
              .fix = "Open the agent's first page: the domains stand there by urgency. Begin with the first.",
              .over = "A quarter of an hour after no domain has it open.",
              .codes = "enforce-breakage-now mx-all-down"},
    AlertPage{.name = "MtaStsFindingsTicket",
              .title = "Domains have a finding that is a ticket, and no series of their own",
              .effect = "As the finding's own page says: stswatch explain CODE.",
              .check = "curl -sS 'http://AGENT:9461/?q=CODE'",
              .fix = "Open the agent's first page and filter it by the code; mend what it lists.",
              .over = "A quarter of an hour after no domain has it open.",
              .codes = "mx-not-in-policy certificate-renewal-overdue"},
    AlertPage{.name = "MtaStsNotSeen",
              .title = "Looks at a domain have proved nothing for three intervals",
              .effect = "None on mail as far as known. What is shown is old, and a fault would go unnoticed.",
              .check = "stswatch check DOMAIN --explain\n"
                       "dig +trace TXT _mta-sts.DOMAIN",
              .fix =
                  "See what the looks end with. Most often the domain's name servers or policy host do not "
                  "answer this agent.",
              .over = "With the next look that proves something.",
              .codes = "check-stale observation-unknown"},
    AlertPage{.name = "MtaStsNeverSeen",
              .title = "Parts of a domain have been looked at for half an hour and never seen",
              .effect = "Unknown.",
              .check = "stswatch check DOMAIN --explain",
              .fix = "Check how the name is spelt, and whether its name servers answer this agent.",
              .over = "With the first look that proves something.",
              .codes = "check-stale observation-unknown"},
    AlertPage{.name = "MtaStsOutboxOld",
              .title = "A receiver has not taken a notice for ten minutes",
              .effect = "None on mail. The people who listen there do not know what the agent found.",
              .check = "journalctl -u stswatch --since -1h | grep 'not sent'\n"
                       "stswatch alerts test --config FILE --receiver NAME",
              .fix =
                  "Mend the receiver's address, its credentials, or the way there. What is owed is kept and "
                  "sent when it is taken again.",
              .over = "When nothing has been owed for longer than ten minutes.",
              .codes = "agent-receiver-failing"},
    AlertPage{.name = "MtaStsNotificationsFailing",
              .title = "A receiver has refused or missed notices three times within an hour",
              .effect = "None on mail. Notices come late.",
              .check = "journalctl -u stswatch --since -1h | grep 'not sent'",
              .fix = "Mend what the receiver answers with.",
              .over = "An hour after the last attempts that failed.",
              .codes = "agent-receiver-failing"},
    AlertPage{
        .name = "MtaStsStoreErrors",
        .title = "The agent cannot write what it remembers",
        .effect = "None on mail. A restart would forget what was seen since, and what senders may hold.",
        .check = "journalctl -u stswatch --since -1h | grep store\n"
                 "df /var/lib/stswatch; ls -l /var/lib/stswatch",
        .fix = "Make room, or make the folder writable for the agent again. What is in memory is written "
               "then.",
        .over = "15 minutes after the last error.",
        .codes = "agent-store-failing"},
    AlertPage{.name = "MtaStsReloadFailed",
              .title = "A changed configuration was refused",
              .effect = "None on mail. Domains that were added are not watched.",
              .check = "stswatch config check FILE",
              .fix = "Mend what it names, and reload again.",
              .over = "With the next reload that is valid.",
              .codes = "agent-reload-failed"},
    AlertPage{
        .name = "MtaStsReportsNotTaken",
        .title = "TLS reports are not taken in",
        .effect = "None on mail. What senders report is not counted, and failures that only they see go "
                  "unnoticed.",
        .check = "curl -sS http://AGENT:9461/-/healthy\n"
                 "sudo -u stswatch ls -l MAILDIR/new MAILDIR/cur TOKEN_FILE",
        .fix = "Make the Maildir and the mails in it readable and writable for the agent's user, or give "
               "tlsrpt.token_file its token. Mail that waits there is counted then; senders post again "
               "for a day.",
        .over = "When all of it can be read again.",
        .codes = "agent-reports-failing"},
    AlertPage{.name = "MtaStsCheckStale",
              .title = "The agent has not looked for three intervals",
              .effect = "None on mail. What is shown is old, and a fault would go unnoticed.",
              .check = "curl -sS http://AGENT:9461/-/healthy\n"
                       "curl -sS http://AGENT:9461/metrics | grep -E 'schedule_late|workers|looks_total'\n"
                       "journalctl -u stswatch --since -1h",
              .fix = "Give it more workers (agent.workers) or longer intervals, or mend its resolver.",
              .over = "With the next looks.",
              .codes = "check-stale"},
    AlertPage{
        .name = "MtaStsAgentDown",
        .title = "The agent has not been scraped for ten minutes",
        .effect = "None on mail. Nobody watches the domains of this agent.",
        .check = "systemctl status stswatch; journalctl -u stswatch -n 50\n"
                 "curl -sS http://AGENT:9461/-/healthy\n"
                 "curl -sS http://PROMETHEUS:9090/api/v1/targets",
        .fix =
            "Start the agent and read why it ended. If it runs, mend the way from Prometheus to it, or the "
            "job's name in scrape_configs, which must be \"stswatch\".",
        .over = "With the next scrape.",
        .codes = ""},
};

}  // namespace

std::span<const AlertPage> alert_pages() { return kAlerts; }

}  // namespace stswatch
