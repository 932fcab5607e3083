-- Settles a namespace's layout and number of partitions before anything is written in another partition than this one, the first.
local refused = founded_otherwise()
if refused then return refused end
found()
return 1
