-- The indices that a sweep goes through, a page at a time.

-- What is in lanes comes first: what stands in no place then is in none of them.
local indices = { 'lanes', 'active', 'dying', 'unstarted', 'requeued', 'runs', 'attempts', 'running', 'blocked', 'paused', 'frozen', 'limited', 'holds',
  'progress', 'deadLetters', 'jobs' }
local sorted = { lanes = true, unstarted = true, requeued = true, blocked = true, paused = true, frozen = true }
local has_values = { lanes = true, running = true, limited = true, deadLetters = true, jobs = true }
-- Those of which there are several, and where they are listed.
local listed_in = { lanes = key.ready, active = key.nodes, dying = key.dead }

-- Some of what a key holds: where the next of it begins, items, and their values.
local function scan(name, is_sorted, cursor, count, items, values)
  local answer = redis.call(is_sorted and 'ZSCAN' or 'HSCAN', name, cursor, 'COUNT', count)
  for i = 1, #answer[2], 2 do
    items[#items + 1] = answer[2][i]
    values[#values + 1] = answer[2][i + 1]
  end
  return answer[1]
end

-- A page of those of which there are several, with the lane or node of each item. Its cursor: that of the list, that of the first of those that
-- it named last and that are still to be gone through, and these; at the beginning and at the end `0`.
local function page_of_several(index, cursor, count)
  local next_named, at, rest = string.match(cursor, '^(%d+) ?(%d*) ?(.*)$')
  local names, first, begun, items, of, cost = {}, 1, at ~= '', {}, {}, 0
  for name in string.gmatch(rest, '%S+') do names[#names + 1] = name end
  while #items + cost < count do
    cost = cost + 1
    if names[first] then
      local name = arg.prefix .. (index == 'lanes' and 'ready:' or 'active:') .. names[first]
      at = scan(name, sorted[index], at, count - #items, items, {})
      for i = #of + 1, #items do of[i] = names[first] end
      if at == '0' then first = first + 1 end
    elseif begun and next_named == '0' then break
    else
      names, first, begun, at = {}, 1, true, '0'
      next_named = scan(listed_in[index], true, next_named, 20, names, {})
    end
  end
  local is_end = begun and not names[first] and next_named == '0'
  return is_end and '0' or next_named .. ' ' .. at .. ' ' .. table.concat(names, ' ', first), items, of, cost
end

-- A page of an index: where the next one begins, its items, their values, and what it took beside.
local function page(index, cursor, count)
  if listed_in[index] then return page_of_several(index, cursor, count) end
  local items, values = {}, {}
  return scan(key[index], sorted[index], cursor, count, items, values), items, values, 1
end
