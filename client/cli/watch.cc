#include "client/cli/watch.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <chrono>
#include <iostream>
#include <sstream>

#include "client/cli/interrupt.h"
#include "common/base/mutex.h"
#include "schema/model/time_text.h"

namespace stele::cli {
namespace {

constexpr int64_t kMaxSeconds = 3'600;
constexpr int64_t kCallTimeoutMs = 5'000;  // Ctrl-C waits no longer
constexpr std::chrono::milliseconds kAskPause{100};
constexpr size_t kUsualRows = 24;

size_t ScreenRows() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0) return kUsualRows;
  return size.ws_row;
}

// False: Ctrl-C came.
bool Pause(int64_t seconds, Clock* clock, Interrupt* interrupt) {
  const int64_t deadline = clock->BootNanos() + seconds * 1'000'000'000;
  Mutex mu;
  CondVar never;
  MutexLock lock(&mu);
  while (!interrupt->Pending()) {
    if (clock->BootNanos() >= deadline) return true;
    never.WaitFor(&mu, kAskPause);
  }
  return false;
}

// Errors that asking again does not mend.
bool IsFinal(int code) { return code == kUsage || code == kNotFound; }

std::string Heading(const Verb& verb, int64_t seconds, Clock* clock) {
  return absl::StrCat("every ", seconds, " s: stele ", verb.name, ", ",
                      FormatTimeUs(clock->WallMicros()), "\n");
}

}  // namespace

void AddWatchFlag(po::options_description* options) {
  options->add_options()("watch", po::value<int64_t>()->implicit_value(2)->value_name("[=SECONDS]"),
                         "again and again, every 2 or so many seconds, 1 .. 3600, until Ctrl-C");
}

std::string DrawOver(const std::string& look, size_t rows) {
  std::string screen = "\x1b[H";
  size_t drawn = 0, left_out = 0;
  for (size_t at = 0; at < look.size();) {
    const size_t end = std::min(look.find('\n', at), look.size());
    if (drawn + 1 < rows) {
      // Lines are cut by the terminal, not wrapped: one line is one row.
      screen += look.substr(at, end - at) + "\x1b[K\r\n";
      ++drawn;
    } else {
      ++left_out;
    }
    at = end + 1;
  }
  if (left_out > 0) screen += absl::StrCat("... ", left_out, " more lines");
  return screen + "\x1b[J";
}

int RunWatched(const Verb& verb, po::variables_map* flags, const Invocation& call) {
  const int64_t seconds = (*flags)["watch"].as<int64_t>();
  if (seconds < 1 || seconds > kMaxSeconds) {
    return Fail(call, absl::InvalidArgumentError("--watch is 1 .. 3600 seconds"));
  }
  if (verb.uses_cell && flags->count("timeout-ms") == 0) {
    flags->emplace("timeout-ms", po::variable_value(boost::any(kCallTimeoutMs), false));
  }
  Interrupt own;  // before the verb's clients and their threads
  Interrupt* const interrupt = call.env->interrupt != nullptr ? call.env->interrupt : &own;
  const bool screen = call.env->terminal || call.env->colour;
  if (screen) *call.env->out << "\x1b[2J\x1b[?7l";
  int code = kOk;
  while (*call.env->out) {
    std::ostringstream out, err;
    Environment env = *call.env;
    env.out = &out;
    env.err = &err;
    const int ended = verb.run(Invocation{*flags, call.args, &env});
    if (IsFinal(ended)) {
      *call.env->err << err.str();
      code = ended;
      break;
    }
    if (screen) {
      *call.env->out << DrawOver(
          Heading(verb, seconds, call.env->clock) + "\n" + out.str() + err.str(), ScreenRows());
    } else {
      if (flags->count("json") == 0) *call.env->out << Heading(verb, seconds, call.env->clock);
      *call.env->out << out.str();
      if (flags->count("json") == 0) *call.env->out << '\n';
      *call.env->err << err.str();
    }
    call.env->out->flush();
    if (!Pause(seconds, call.env->clock, interrupt)) break;
  }
  if (screen) *call.env->out << "\x1b[?7h\n" << std::flush;
  return code;
}

}  // namespace stele::cli
