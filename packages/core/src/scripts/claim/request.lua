-- What is asked for, by which node. One that is dead, or an earlier request, is refused.

local now = clock()
local lease = tonumber(redis.call('ZSCORE', key.nodes, arg.node) or 0)
if lease < now then return refuse('NODE_DEAD', 'The lease of node ' .. arg.node .. ' has ended; it starts over under a new identity.') end
local number = tonumber(arg.number)
-- A node has two lines of requests, each with one under way at most; the numbers of both are one count.
local of_line = { 'number' .. arg.line, 'accepted' .. arg.line }
local last = redis.call('HMGET', key.request, of_line[1], of_line[2], 'looked')
local last_number = tonumber(last[1] or 0)
if number < last_number then return refuse('STALE_REQUEST', 'A later request of node ' .. arg.node .. ' has been answered already.') end
step.begin('jobs', 'runs', 'unstarted')

local more = 0 -- 1: runs that could start were not looked at yet
local slots, accepted, claimed, passed = tonumber(arg.slots), {}, {}, {}
local ahead = tonumber(arg.ahead) -- so many more of which nothing depends on when they begin: they wait for a slot at the node
local claimed_bytes, MOST_BYTES = 0, 4194304 -- of records: an answer has not many more
local fused = arg.lock_ttl ~= '0'

local results = {} -- of `done`, by place
for place, result in each(list.results) do results[tonumber(place)] = result end

local leaving = {} -- runs that leave `unstarted`
local taken, to_cancel = {}, {} -- runs claimed by this request; those of them that a later one of their job cuts short

-- The token before those of so many runs. They follow the clock where it is ahead of the count, so that they rise even in a store that lost its last writes.
local function draw_tokens(count)
  local token = math.max(tonumber(redis.call('GET', key.fence) or nil) or 0, now * 1000)
  redis.call('SET', key.fence, int(token + count))
  return token
end

local function pass(run, state, reason)
  passed[#passed + 1] = run; passed[#passed + 1] = state; passed[#passed + 1] = reason
end

-- The scopes that this node's configuration limits: how many places there are, and whether a run that finds none waits (w) or is skipped (s); and how many
-- may start within a period.
local limits, rates = {}, {}
for scope, max, how in each(list.limits) do limits[scope] = { max = tonumber(max), how = how } end
for scope, max, per in each(list.rates) do rates[scope] = { max = tonumber(max), per = tonumber(per) } end
