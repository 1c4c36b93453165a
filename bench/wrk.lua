-- What every run of wrk does beyond its command line: build the request, count, report as JSON.
--
-- Arguments after "--" are KEY=VALUE: method, body (bytes of request body), pipeline (requests per
-- write), close (1: one request per connection), tally (count N answers by their body, after a
-- tenth as many that are not counted: the application answers its process id). The rate and the percentiles are wrk's own; with
-- pipelining the requests written are counted here, so that the answers can be checked against them.

local threads = {}

function setup(thread)
   table.insert(threads, thread)
end

function init(args)
   local options = {}
   for _, text in ipairs(args) do
      local key, value = text:match("^(%w+)=(.*)$")
      if key then options[key] = value end
   end
   issued = 0
   wrk.method = options.method or "GET"
   if options.body then
      wrk.body = string.rep("x", tonumber(options.body))
      wrk.headers["Content-Type"] = "application/octet-stream"
   end
   if options.close then wrk.headers["Connection"] = "close" end
   if options.pipeline then
      local depth = tonumber(options.pipeline)
      local burst = string.rep(wrk.format(), depth)
      request = function()
         issued = issued + depth
         return burst
      end
   end
   if options.tally then
      local most = tonumber(options.tally)
      local seen = -most / 10
      bodies = {}
      response = function(_, _, body)
         seen = seen + 1
         if seen > 0 and seen <= most then bodies[body] = (bodies[body] or 0) + 1 end
      end
   end
end

function done(summary, latency, requests)
   local issued = 0
   for _, thread in ipairs(threads) do issued = issued + (thread:get("issued") or 0) end
   local tally = {}
   for _, thread in ipairs(threads) do
      for body, count in pairs(thread:get("bodies") or {}) do
         table.insert(tally, string.format('"%s": %d', body, count))
      end
   end
   local e = summary.errors
   print(string.format(
      'RESULT {"requests": %d, "duration_us": %d, "bytes": %d, "issued": %d, ' ..
      '"p50_us": %d, "p99_us": %d, "max_us": %d, ' ..
      '"connect": %d, "read": %d, "write": %d, "status": %d, "timeout": %d, "tally": {%s}}',
      summary.requests, summary.duration, summary.bytes, issued,
      latency:percentile(50), latency:percentile(99), latency.max,
      e.connect, e.read, e.write, e.status, e.timeout, table.concat(tally, ", ")))
end
