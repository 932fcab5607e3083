-- Keeps log lines of runs: of those that the node holds with the token given; 1 a run whose lines were taken, 0 where it holds
-- it no more. A line's position is `<token>-<number>`: later attempts come after earlier ones, and a line sent twice is kept once.
local now = clock()
local lease = tonumber(redis.call('ZSCORE', key.nodes, arg.node) or 0)
local runs, ids, taken = {}, {}, {}
for run, token, count in each(list.runs) do
  runs[#runs + 1] = { id = run, token = token, count = tonumber(count) }
  ids[#ids + 1] = run
end
if #ids == 0 then return '' end
local held = lease >= now and redis.call('HMGET', key.active, unpack(ids)) or {}
local take = each(list.lines)
for i, run in ipairs(runs) do
  local current = held[i] and string.match(held[i], '^%S+') == run.token
  local log = arg.prefix .. 'log:' .. run.id
  taken[i] = current and '1' or '0'
  for _ = 1, run.count do
    local number, line = take()
    if current then
      local added = redis.pcall('XADD', log, 'MAXLEN', arg.most, run.token .. '-' .. number, 'line', line)
      local problem = type(added) == 'table' and added.err
      if problem and string.find(problem, '^WRONGTYPE') then
        current, taken[i] = false, '0' -- none of ours: it must not keep the lines of others waiting
      elseif problem and not string.find(problem, 'equal or smaller', 1, true) then
        return added -- not that the line was taken before, and the answer lost: it is to be tried again
      end
    end
  end
  if current then redis.call('PEXPIRE', log, arg.age) end
end
return table.concat(taken)
