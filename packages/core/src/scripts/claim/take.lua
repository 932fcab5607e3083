-- Takes up to as many runs as the node has free slots, each with a fencing token.

local looked = 0 -- how many runs, of several lanes

local function claim()
  local names = {}
  for lane in each(list.lanes) do names[#names + 1] = lane end
  if #names == 0 or slots == 0 then return end
  for from = 1, #names, TAKE do
    local heads = redis.call('ZMSCORE', key.ready, unpack(names, from, math.min(from + TAKE - 1, #names)))
    for i = 1, #heads do
      local name = names[from + i - 1]
      if heads[i] then
        lanes[#lanes + 1] = { name = name, scopes = scopes_of(name), rates = rated.scopes_of(name), head = tonumber(heads[i]), offset = 0, at = 1, runs = {}, scores = {} }
      end
    end
  end
  if #lanes == 0 then return end
  lanes = without_paused(lanes)
  local most, size = slots + tonumber(arg.batch), page_of(#lanes, slots)
  local count = 0
  while #claimed < slots do
    if count == most or claimed_bytes > MOST_BYTES then more = 1; break end
    local lane = next_lane(size, count)
    if not lane then break end
    consider(lane)
    count = count + 1
  end
  looked = #lanes > 1 and count or 0
  if #leaving > 0 then in_chunks('ZREM', key.unstarted, leaving, TAKE) end
  if #claimed == 0 then return end
  local token, active = draw_tokens(#claimed), {}
  for i, item in ipairs(claimed) do
    item.token = int(token + i)
    tell('started ' .. item.run .. ' ' .. item.attempt .. ' ' .. item.token .. ' ' .. arg.node)
    active[#active + 1] = item.run
    active[#active + 1] = item.token .. ' ' .. item.attempt .. ' ' .. int(now) .. ' ' .. arg.number .. ' ' .. item.record.task
  end
  in_chunks('HSET', key.active, active, 2 * TAKE)
  for _, run in ipairs(to_cancel) do ask_to_cancel(run, 'overlap') end
end
