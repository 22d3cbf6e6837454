// What generate has to say: the policy file and the records to publish, and how they look in a zone file, a
// web server's configuration or a DNS provider's language. A value; texts only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace stswatch {

struct Publication {
  std::string domain;
  std::string policy;  // the file, to the octet
  std::string policy_url;
  std::string id;
  std::string sts_record, tlsrpt_record;  // texts
  std::vector<std::string> warnings;  // hosts that enforcing senders would skip, or that nobody could judge
  std::vector<std::string> notes;     // what changes, and what else to know
};

/// `format`: "zone", "nginx", "caddy" or "dnscontrol". What the format cannot hold stands in its comments.
std::string to_paste(const Publication& publication, std::string_view format);

}  // namespace stswatch
