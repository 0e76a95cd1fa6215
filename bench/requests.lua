-- SPDX-License-Identifier: Apache-2.0
-- Drives a server with requests that were made and signed beforehand: a file of raw HTTP/1.1
-- requests, parted by NUL. Each thread starts at another place and goes round.

local threads = 0

function setup(thread)
  thread:set("place", threads * 997)
  threads = threads + 1
end

function init(arguments)
  requests = {}
  local file = assert(io.open(arguments[1], "rb"))
  for request in file:read("*a"):gmatch("[^%z]+") do
    requests[#requests + 1] = request
  end
  file:close()
end

function request()
  place = place + 1
  return requests[place % #requests + 1]
end

function done(summary, latency)
  local errors = summary.errors
  local broken = errors.connect + errors.read + errors.write + errors.timeout
  io.write(string.format(
    '\n{"requests": %d, "microseconds": %d, "p50_us": %d, "p99_us": %d, "refused": %d, "broken": %d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.status, broken))
end
