// What commands read from files and write to them: looks, worlds, publications.
#pragma once

#include <iosfwd>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "agent/remember/saved_look.h"
#include "checks/judge/senders/plan.h"
#include "checks/judge/senders/simulation.h"

namespace stswatch {

/// The file, or standard input for -. The error says how to mend it.
tl::expected<std::string, std::string> read_text(const std::string& path, std::istream& in);

// Looks in files: one a domain, named by it, each whole or not there at all. Safe to use from many threads.

/// Makes the folder and those above it. The error says what is wrong with it; `of_what` it is to hold.
tl::expected<void, std::string> make_folder(const std::string& folder, std::string_view of_what);

/// Writes FOLDER/DOMAIN.json, and replaces it if it is there.
tl::expected<void, std::string> save_look(const std::string& folder, const SavedLook& look);

/// The error begins with the file's name.
tl::expected<SavedLook, std::string> load_look(const std::string& file);

// World files (CONTRACT 4) and goal files (CONTRACT 8): the input of the sender simulation and of the
// planner, and their results, as JSON.

/// At most 16 MiB; unknown keys are passed over. The error names the part at fault and what would be right.
tl::expected<World, std::string> read_world(const std::string& text);

/// A key that is none of a goal's is an error: a misspelt goal is another goal.
tl::expected<Goal, std::string> read_goal(const std::string& text);

nlohmann::ordered_json to_json(const World& world);
nlohmann::ordered_json to_json(const Simulation& result);

// What generate has to say: the policy file and the records to publish, and how they look in a zone file, a
// web server's configuration or a DNS provider's language. A value; texts only.

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
