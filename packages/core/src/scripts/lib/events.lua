-- What the cluster is told: a line an event, gathered while a step goes on and written to the stream `events` at its end, as few
-- entries as there is room for. Each line is a word and what it is about; event-stream.ts reads them.

local flush_enqueued -- in lib/history.lua
local tell, tell_usual, flush_events

do
  local ENTRY = 2048 -- bytes of lines in one entry of the stream, so that its length bounds its size
  local told = {}

  function tell(line) told[#told + 1] = line end

  -- Lines of which there are many in a step: they are not put together before all of their entry is.
  local pieces, count, size, entries = {}, 0, 0, {}

  local function cut_entry()
    if count > 0 then entries[#entries + 1] = table.concat(pieces, '', 1, count - 1) end
    count, size = 0, 0
  end

  -- A line, in seven pieces.
  function tell_usual(a, b, c, d, e, f, g)
    local at = count
    pieces[at + 1], pieces[at + 2], pieces[at + 3], pieces[at + 4], pieces[at + 5], pieces[at + 6], pieces[at + 7], pieces[at + 8] = a, b, c, d, e, f, g, '\n'
    count = at + 8
    size = size + #a + #b + #c + #d + #e + #f + #g + 1
    if size >= ENTRY then cut_entry() end
  end

  function flush_events(now)
    if flush_enqueued then flush_enqueued(now) end
    if arg.events_max == '0' then return end
    local function add(text) redis.call('XADD', key.events, 'MAXLEN', '~', arg.events_max, '*', 't', int(now), 'e', text) end
    local function add_foreign()
      for name in step.next_foreign do tell('mended ' .. name .. ' was of another type and is deleted') end
    end
    cut_entry()
    for _, text in ipairs(entries) do add(text) end
    add_foreign()
    local at, bytes, i = 1, 0, 1
    while i <= #told do
      bytes = bytes + #told[i] + 1
      if bytes >= ENTRY or i == #told then
        add(table.concat(told, '\n', at, i))
        at, bytes = i + 1, 0
        add_foreign() -- the stream itself
      end
      i = i + 1
    end
    told, entries = {}, {}
  end
end
