-- The pauses that there are: of the names given, and with a cursor of a page of jobs, their tags, queues and tasks. `bare`: the names themselves, whether or
-- not there is such a pause here. Writes nothing.
local names, cursor = {}, '0'
for name in each(list.names) do names[#names + 1] = name end
if arg.cursor ~= '' then
  local page = redis.call('HSCAN', key.jobs, arg.cursor, 'COUNT', 500)
  cursor = page[1]
  for i = 1, #page[2], 2 do
    local record = parse(page[2][i + 1])
    if record then
      add_pauses_of_lane(names, record)
      add_pauses_of_job(names, page[2][i], record)
    end
  end
end
if arg.bare ~= '1' then return { cursor, lines_of_pauses(names) } end
local found, seen = {}, {}
for _, name in ipairs(names) do
  if not seen[name] then
    seen[name] = true
    found[#found + 1] = name
  end
end
return { cursor, found }
