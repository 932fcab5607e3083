-- What the cluster is told: a line an event, gathered while a step goes on and written to the stream `events` at its end, as few
-- entries as there is room for. Each line is a word and what it is about; event-stream.ts reads them.

local flush_enqueued -- in lib/history.lua
local tell, tell_many, flush_events

do
  local ENTRY = 2048 -- bytes of lines in one entry of the stream, if it has several, so that its length bounds its size
  local told = {}

  function tell(line) told[#told + 1] = line end

  -- The same said of many, as few lines as there is room for: what it begins with, and the items, so many (one or two) to each that it is said of.
  -- `count`: a number of the first, which goes before the items and rises by one with each.
  function tell_many(head, items, width, count)
    local from, size = 1, #head
    for i = width, #items, width do
      size = size + #items[i] + 1
      if width == 2 then size = size + #items[i - 1] + 1 end
      if size >= ENTRY or i == #items then
        told[#told + 1] = head .. (count and int(count + from - 1) .. ' ' or '') .. table.concat(items, ' ', from, i)
        from, size = i + 1, #head
      end
    end
  end

  function flush_events(now)
    if flush_enqueued then flush_enqueued(now) end
    if arg.events_max == '0' then return end
    local function add_foreign()
      for name in step.next_foreign do tell('mended ' .. name .. ' was of another type and is deleted') end
    end
    -- Lines from one place to another, as an entry.
    local function add(from, to)
      local text = from == to and told[from] or table.concat(told, '\n', from, to)
      redis.call('XADD', key.events, 'MAXLEN', '~', arg.events_max, '*', 't', int(now), 'e', text)
      add_foreign() -- the stream itself, too
    end
    add_foreign()
    local at, bytes, i = 1, 0, 1
    while i <= #told do
      if i > at and bytes + #told[i] >= ENTRY then
        add(at, i - 1)
        at, bytes = i, 0
      end
      bytes = bytes + #told[i] + 1
      if i == #told then
        add(at, i)
        at, bytes = i + 1, 0
      end
      i = i + 1
    end
    told = {}
  end
end
