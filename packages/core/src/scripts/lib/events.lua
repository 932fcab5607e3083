-- What the cluster is told: a line an event, gathered while a step goes on and written to the stream `events` at its end, as few
-- entries as there is room for. Each line is a word and what it is about; event-stream.ts reads them.

local ENTRY = 2048 -- bytes of lines in one entry of the stream, so that its length bounds its size
local told = {}

local function tell(line) told[#told + 1] = line end

local flush_enqueued -- in lib/history.lua

local function flush_events(now)
  if flush_enqueued then flush_enqueued(now) end
  if arg.events_max == '0' then return end
  local at, size = 1, 0
  local function add_foreign()
    for name in step.next_foreign do tell('mended ' .. name .. ' was of another type and is deleted') end
  end
  add_foreign()
  local i = 1
  while i <= #told do
    size = size + #told[i] + 1
    if size >= ENTRY or i == #told then
      redis.call('XADD', key.events, 'MAXLEN', '~', arg.events_max, '*', 't', int(now), 'e', table.concat(told, '\n', at, i))
      at, size = i + 1, 0
      add_foreign() -- the stream itself
    end
    i = i + 1
  end
  told = {}
end
